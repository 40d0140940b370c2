# What ctest runs: unit tests, tests with memory refused, checks of the sources, and pytest suites against real Keras when CUV_TEST_PYTHON is set.
pkg_check_modules(CMOCKA cmocka)
if(CMOCKA_FOUND)
  add_subdirectory(tests/unit)
  add_subdirectory(tests/oom)
  add_subdirectory(tests/mutated)
  if(NOT CUV_SANITIZE)      # oneDNN is built without sanitizers, and slow to start under them
    add_subdirectory(tests/dnnl)
  endif()
else()
  message(STATUS "cmocka is missing: no unit tests")
endif()

if(Python3_FOUND)
  add_test(NAME check_deps COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/check_deps)
  add_test(NAME check_exports COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/check_exports
           ${CMAKE_NM} $<TARGET_FILE:cuvier>)
  add_test(NAME check_oom COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/check_oom)
  set_tests_properties(check_deps check_exports check_oom PROPERTIES LABELS source)
endif()

# The public header compiles alone.
set(alone -Wall -Wextra -Wpedantic -Werror -fsyntax-only)
add_test(NAME header_c17 COMMAND ${CMAKE_C_COMPILER} -std=c17 ${alone} -x c ${CMAKE_SOURCE_DIR}/tests/unit/header_alone.txt
         -I${CMAKE_SOURCE_DIR}/include)
set_tests_properties(header_c17 PROPERTIES LABELS source)
include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER)
  add_test(NAME header_cxx17 COMMAND ${CMAKE_CXX_COMPILER} -std=c++17 ${alone} -x c++
           ${CMAKE_SOURCE_DIR}/tests/unit/header_alone.txt -I${CMAKE_SOURCE_DIR}/include)
  set_tests_properties(header_cxx17 PROPERTIES LABELS source)
endif()

# Installed elsewhere, it can be used; sanitizers would have to be linked into the users, too.
if(NOT CUV_SANITIZE)
  add_test(NAME install COMMAND ${CMAKE_SOURCE_DIR}/tests/install/run ${CMAKE_BINARY_DIR} ${CMAKE_COMMAND} ${CMAKE_C_COMPILER})
  set_tests_properties(install PROPERTIES LABELS install)
endif()

# What a sanitizer says goes to files, and the last test looks at them: no exit status and no expected failure can hide it.
set(sanitizer_environment "")
if(CUV_SANITIZE)
  set(reports ${CMAKE_BINARY_DIR}/reports)
  set(report_options "log_path=${reports}/report:print_stacktrace=1")
  set(sanitizer_environment "ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1:${report_options}"
      "UBSAN_OPTIONS=${report_options}"
      "LSAN_OPTIONS=print_suppressions=0:suppressions=${CMAKE_SOURCE_DIR}/tests/lsan.txt")
endif()

if(CUV_TEST_PYTHON)
  file(GLOB suites CONFIGURE_DEPENDS tests/*/test_*.py)
  if(CUV_SANITIZE)  # these would have to load the sanitizer into Python
    list(FILTER suites EXCLUDE REGEX "tests/(python|public)/")
    if(NOT CUV_SANITIZE_ALL)      # nor those that spend their time in Keras, and in compilers
      list(FILTER suites EXCLUDE REGEX
           "test_(c|live|roundtrip|layers|operations|functions|quantised|random|onnx|python|lambdas|start)[.]py$")
    endif()
  endif()
  foreach(suite IN LISTS suites)
    get_filename_component(name ${suite} NAME_WE)
    get_filename_component(folder ${suite} DIRECTORY)
    get_filename_component(label ${folder} NAME)
    string(REGEX REPLACE "^test_" "" name ${name})
    add_test(NAME ${label}_${name} COMMAND ${CUV_TEST_PYTHON} -m pytest -q -p no:cacheprovider ${suite})
    set_tests_properties(${label}_${name} PROPERTIES LABELS ${label} SKIP_RETURN_CODE 5 TIMEOUT 1800)
    set_property(TEST ${label}_${name} PROPERTY ENVIRONMENT
      CUVIER=${CMAKE_BINARY_DIR}/cuvier CUV_LIBRARY=$<TARGET_FILE:cuvier> CUV_SHARED=${CUV_TEST_SHARED}
      CUV_CC=${CMAKE_C_COMPILER} TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 PYTHONDONTWRITEBYTECODE=1
      ${sanitizer_environment})
    list(APPEND python_tests ${label}_${name})
  endforeach()
endif()

if(CUV_SANITIZE)
  add_test(NAME reports_cleared COMMAND ${CMAKE_COMMAND} -E rm -rf ${reports})
  add_test(NAME reports COMMAND ${CMAKE_SOURCE_DIR}/tests/reports ${reports})
  set_tests_properties(reports_cleared PROPERTIES FIXTURES_SETUP reports LABELS sanitizer)
  set_tests_properties(reports PROPERTIES FIXTURES_CLEANUP reports LABELS sanitizer)
  if(python_tests)
    set_tests_properties(${python_tests} PROPERTIES FIXTURES_REQUIRED reports)
  endif()
endif()
