# Headers that nearly every file includes are parsed once: that saves a fifth to two fifths of a file's
# time. GCC takes a precompiled header only for files with the same options: one is for libraries
# (-fPIC), one for tests (-fPIE, with GoogleTest), and a library may have one of its own.
option(TIDEMARK_PCH "Precompile common headers; OFF shows whether each file includes what it uses" ON)

set(TIDEMARK_PCH_HEADER ${CMAKE_CURRENT_LIST_DIR}/precompiled.h)
if(TIDEMARK_PCH AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # ccache sees through a precompiled header only with this (and CCACHE_SLOPPINESS, tools/lib.sh).
  add_compile_options(-fpch-preprocess)
endif()

# tidemark_precompile(TARGET CARRIER HEADERS...): TARGET takes CARRIER's precompiled header, or, with
# HEADERS, one of its own that has these too. Only headers of installed packages: of one that changes
# (ours, or generated) ccache may hand out the old precompiled form.
function(tidemark_precompile target carrier)
  if(NOT TIDEMARK_PCH)
    return()
  endif()
  if(ARGN)
    target_precompile_headers(${target} PRIVATE ${TIDEMARK_PCH_HEADER} ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${carrier})
  endif()
endfunction()

# The carriers. To be called once, when the packages are found.
function(tidemark_add_precompiled)
  if(NOT TIDEMARK_PCH)
    return()
  endif()
  set(source ${CMAKE_BINARY_DIR}/precompiled.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "int main() { return 0; }\n")
  add_library(tidemark_pch OBJECT ${source})
  target_link_libraries(tidemark_pch PRIVATE tidemark_flags)
  target_precompile_headers(tidemark_pch PRIVATE ${TIDEMARK_PCH_HEADER})
  if(TIDEMARK_TESTS)
    add_executable(tidemark_test_pch ${source})
    set_target_properties(tidemark_test_pch PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(tidemark_test_pch PRIVATE GTest::gmock tidemark_flags tidemark_test_flags)
    target_precompile_headers(tidemark_test_pch PRIVATE ${TIDEMARK_PCH_HEADER}
                              <gmock/gmock.h> <gtest/gtest.h>)
  endif()
endfunction()
