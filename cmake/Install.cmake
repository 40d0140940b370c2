# Header, libraries, pkg-config file, CMake package, manual page.
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/cuvier)
install(FILES include/cuvier.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS cuvier EXPORT cuvier-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS cuvier_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT cuvier-targets NAMESPACE cuvier:: DESTINATION ${package_folder})

configure_package_config_file(cmake/cuvier-config.cmake.in cuvier-config.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(cuvier-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cuvier-config.cmake ${CMAKE_BINARY_DIR}/cuvier-config-version.cmake
        DESTINATION ${package_folder})

configure_file(cuvier.pc.in cuvier.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/cuvier.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(EXISTS ${CMAKE_SOURCE_DIR}/docs/cuvier.1)
  install(FILES docs/cuvier.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

# Beside the modules of the Python package (pyproject.toml): the library under one name, since wheels hold no links.
if(SKBUILD)
  add_custom_target(python_library)       # ninja takes the name "cuvier" for the command line
  add_dependencies(python_library cuvier)
  install(FILES $<TARGET_FILE:cuvier> DESTINATION cuvier RENAME libcuvier.so COMPONENT python)
endif()
