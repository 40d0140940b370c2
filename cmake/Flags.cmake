# Compiler flags of everything here, as one target to link against, and those of kernels for single instruction sets.
add_library(cuvier_flags INTERFACE)
target_compile_features(cuvier_flags INTERFACE c_std_17)
target_compile_options(cuvier_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(CUV_WERROR)
  target_compile_options(cuvier_flags INTERFACE -Werror)
endif()

# Reference kernels give the same bits from every compiler: no fused multiply-add that the source does not say.
target_compile_options(cuvier_flags INTERFACE -ffp-contract=off -fno-math-errno)
target_compile_options(cuvier_flags INTERFACE -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

if(CUV_SANITIZE)
  target_compile_options(cuvier_flags INTERFACE -fsanitize=${CUV_SANITIZE} -fno-sanitize-recover=all
                                                -fno-omit-frame-pointer)
  target_link_options(cuvier_flags INTERFACE -fsanitize=${CUV_SANITIZE})
  if(CUV_SANITIZE MATCHES "address")
    target_compile_definitions(cuvier_flags INTERFACE CUV_SINGLE_BLOCKS)
  endif()
  if(CUV_FUZZ)
    target_compile_definitions(cuvier_flags INTERFACE CUV_FUZZING)   # checksums are not compared
  endif()
else()
  target_compile_options(cuvier_flags INTERFACE -fstack-protector-strong
                         $<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
  if(NOT APPLE)
    target_link_options(cuvier_flags INTERFACE -Wl,-z,relro -Wl,-z,now)
  endif()
endif()

# src/run/fast/*_avx2.c and *_avx512.c are compiled for those processors and called only where they are present.
function(cuv_kernel_flags)
  set(level -O3)
  if(CUV_SANITIZE)
    # With checks, optimisation takes minutes for each of the files. Without it gcc's intrinsics are macros that convert.
    set(level -O0 -Wno-conversion -Wno-sign-conversion)
  endif()
  foreach(source IN LISTS ARGN)
    if(source MATCHES "/fast_base\\.c$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${level}")
    endif()
  endforeach()
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
    return()
  endif()
  foreach(source IN LISTS ARGN)
    if(source MATCHES "_avx2\\.c$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${level};-mavx2;-mfma;-mf16c")
    elseif(source MATCHES "_avx512\\.c$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "${level};-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx2;-mfma;-mf16c")
    endif()
  endforeach()
endfunction()
