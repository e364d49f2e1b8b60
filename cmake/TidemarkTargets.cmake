# One CMake library per directory, the same warnings everywhere.

add_library(tidemark_flags INTERFACE)
target_compile_options(tidemark_flags INTERFACE -Wall -Wextra -Werror -Wno-unused-parameter
                       -Wno-missing-field-initializers -fno-omit-frame-pointer)
target_include_directories(tidemark_flags INTERFACE ${CMAKE_SOURCE_DIR})
# -pthread for every file: a precompiled header must have been made with the same options.
target_compile_options(tidemark_flags INTERFACE -pthread)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(tidemark_flags INTERFACE -Wthread-safety -Wthread-safety-beta
                         -Werror=thread-safety)
else()
  # g++ 12 warns of uninitialised members inside std::optional and std::variant that are not read.
  target_compile_options(tidemark_flags INTERFACE -Wno-maybe-uninitialized)
endif()
# What a test itself does is quick; compiling it is not, and half of that is optimisation.
add_library(tidemark_test_flags INTERFACE)
target_compile_options(tidemark_test_flags INTERFACE $<$<CONFIG:Release>:-O0>)
if(TIDEMARK_SANITIZE)
  add_compile_options(-fsanitize=${TIDEMARK_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TIDEMARK_SANITIZE})
endif()
# A sanitizer takes its time, and the time of a test is no finding: all of them have this much more.
set(TIDEMARK_TIMEOUT_FACTOR 1)
if(TIDEMARK_SANITIZE)
  set(TIDEMARK_TIMEOUT_FACTOR 5)
endif()

# What a sanitizer has to know, in every program: its options, and what of the system's libraries
# must not be reported. To be called once, when the packages are found.
function(tidemark_add_sanitizer_support)
  set(sources)
  if(TIDEMARK_SANITIZE MATCHES "thread")
    set(sources tsan_absl.cc tsan_options.cc)
  elseif(TIDEMARK_SANITIZE MATCHES "address" AND NOT TIDEMARK_FUZZ)
    set(sources asan_options.cc)
  endif()
  if(sources)
    list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/tests/support/)
    add_library(tidemark_sanitizer_support OBJECT ${sources})
    target_link_libraries(tidemark_sanitizer_support PRIVATE tidemark_flags absl::status
                          absl::synchronization)
  endif()
endfunction()

include(TidemarkPrecompiled)

# Several files of a target at a time: most of a file's time goes to templates that its neighbours
# need too. Not where files are alike on purpose and use the same names: tests, drivers of peers.
option(TIDEMARK_UNITY "Compile several files of a target at once; OFF compiles each for itself" ON)
function(tidemark_unity target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${TIDEMARK_UNITY}
                        UNITY_BUILD_BATCH_SIZE 8)
endfunction()

# tidemark_library(NAME SOURCES a.cc b.cc DEPS x y PRECOMPILE <header> "header")
# PRECOMPILE: heavy headers that most of its files include.
function(tidemark_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRECOMPILE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  tidemark_unity(${name})
  tidemark_precompile(${name} tidemark_pch ${ARG_PRECOMPILE})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE tidemark_flags)
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
endfunction()

# tidemark_executable(NAME SOURCES a.cc DEPS x)
function(tidemark_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  tidemark_unity(${name})
  if(TARGET tidemark_sanitizer_support)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:tidemark_sanitizer_support>)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} tidemark_flags)
endfunction()

# tidemark_test(NAME SOURCES a_test.cc DEPS x): one GoogleTest binary, one ctest entry per TEST, with the
# label NAME.
function(tidemark_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  tidemark_executable(${name} SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS} GTest::gmock_main)
  target_link_libraries(${name} PRIVATE tidemark_test_flags)
  tidemark_precompile(${name} tidemark_test_pch)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests
                        UNITY_BUILD OFF)
  math(EXPR timeout "${ARG_TIMEOUT} * ${TIDEMARK_TIMEOUT_FACTOR}")
  gtest_discover_tests(${name} PROPERTIES TIMEOUT ${timeout} LABELS ${name} DISCOVERY_TIMEOUT 60)
endfunction()
include(GoogleTest)
