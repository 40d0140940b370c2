# Libraries: json-c, libyaml and zlib are linked. Of HDF5 only the headers are needed to build; the library is loaded at run
# time, when a file needs it, by the soname found here.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JSONC REQUIRED json-c)
pkg_check_modules(YAML REQUIRED yaml-0.1)
pkg_check_modules(ZLIB REQUIRED zlib)
pkg_check_modules(HDF5 REQUIRED hdf5)

find_library(CUV_HDF5_LIBRARY NAMES ${HDF5_LIBRARIES} hdf5_serial hdf5 HINTS ${HDF5_LIBRARY_DIRS})
mark_as_advanced(CUV_HDF5_LIBRARY)
if(NOT CUV_HDF5_SONAME)
  set(soname "")
  if(CUV_HDF5_LIBRARY AND CMAKE_OBJDUMP)
    execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${CUV_HDF5_LIBRARY} OUTPUT_VARIABLE headers ERROR_QUIET)
    string(REGEX MATCH "SONAME +([^\n ]+)" found "${headers}")
    set(soname "${CMAKE_MATCH_1}")
  endif()
  if(NOT soname)
    set(soname "libhdf5.so")
  endif()
  set(CUV_HDF5_SONAME "${soname}" CACHE STRING "Name under which libhdf5 is loaded at run time")
endif()

set(CUV_DEPENDENCY_INCLUDES ${JSONC_INCLUDE_DIRS} ${YAML_INCLUDE_DIRS} ${ZLIB_INCLUDE_DIRS} ${HDF5_INCLUDE_DIRS})
set(CUV_DEPENDENCY_LIBRARIES ${JSONC_LINK_LIBRARIES} ${YAML_LINK_LIBRARIES} ${ZLIB_LINK_LIBRARIES}
    Threads::Threads ${CMAKE_DL_LIBS} m)
