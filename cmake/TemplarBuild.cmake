# Compiler settings that every target shares.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(TEMPLAR_TESTS "Build the tests" ON)
option(TEMPLAR_ONLY_CORE "Leave out the rooms that the consensus does not need, and their libraries" OFF)
option(TEMPLAR_FUZZERS "Build the libFuzzer targets (clang only)" OFF)
option(TEMPLAR_PRECOMPILED_HEADERS "Compile the common headers once for all targets" ON)
option(TEMPLAR_JOINED_SOURCES "Compile a room's sources several at a time: half the time of a whole build" OFF)
set(TEMPLAR_SANITIZE "" CACHE STRING "Sanitizers for every target, as -fsanitize= takes them")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

add_library(templar_flags INTERFACE)
target_include_directories(templar_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
# Consensus arithmetic is IEEE-754 in the written order: a fused multiply-add would round once where another machine rounds
# twice, so contraction is off everywhere. Binaries start on any x86-64-v2; wider units are chosen at run time.
target_compile_options(templar_flags INTERFACE -ffp-contract=off -Wall -Wextra -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The compiler's own garbage collection, from 30 MB on otherwise, took an eighth of its time.
  target_compile_options(templar_flags INTERFACE "SHELL:--param ggc-min-heapsize=1000000")
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # What a lock guards is said in src/base/threads/thread_annotations.h's words; only clang can check it.
  target_compile_options(templar_flags INTERFACE -Wthread-safety -Werror=thread-safety)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(templar_flags INTERFACE -march=x86-64-v2)
  if(TEMPLAR_SANITIZE)
    # The kernels for 16 and for 32 bytes a vector: those for other instructions are the same code, and take long to compile.
    target_compile_definitions(templar_flags INTERFACE
      "HWY_DISABLED_TARGETS=(HWY_SSE4|HWY_AVX3|HWY_AVX3_DL)")
  endif()
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  # The kernels keep blocks of vectors in arrays, which SVE's vectors cannot be in: their size is unknown. NEON's can.
  target_compile_definitions(templar_flags INTERFACE "HWY_DISABLED_TARGETS=(HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)")
endif()
if(TEMPLAR_SANITIZE)
  target_compile_options(templar_flags INTERFACE -fsanitize=${TEMPLAR_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(templar_flags INTERFACE -fsanitize=${TEMPLAR_SANITIZE})
endif()
if(TEMPLAR_FUZZERS)
  # The libraries need the coverage counters too, or the fuzzer is blind to what its input reaches.
  target_compile_options(templar_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(TEMPLAR_PRECOMPILED_HEADERS AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(templar_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")  # or ccache never finds one again
endif()
find_package(Threads REQUIRED)
target_link_libraries(templar_flags INTERFACE Threads::Threads)

# templar_join_sources(<target> <sources>)
#
# Where TEMPLAR_JOINED_SOURCES is on, has a room's sources compiled ten at a time, so that what they all include is read and
# instantiated once. So names in a room's unnamed namespaces must not meet. Highway's kernels, which include themselves once for
# each instruction set, stay alone.
function(templar_join_sources target sources)
  if(NOT TEMPLAR_JOINED_SOURCES)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)  # it takes the joined sources for headers
  endif()
  foreach(source ${sources})
    file(STRINGS "${source}" own_target_include REGEX "define HWY_TARGET_INCLUDE")
    if(own_target_include)
      set_source_files_properties("${source}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()

# templar_precompile(<target> [TEST] [OPTIONS <compile options>])
#
# Gives the target the common headers, precompiled once for all targets with the same options; TEST: GoogleTest's as well. Sources
# still include all that they use: builds without this need it, and so do readers.
function(templar_precompile target)
  cmake_parse_arguments(PRECOMPILE "TEST" "" "OPTIONS" ${ARGN})
  target_compile_options(${target} PRIVATE ${PRECOMPILE_OPTIONS})
  if(NOT TEMPLAR_PRECOMPILED_HEADERS)
    return()
  endif()
  # Compilers refuse what was precompiled with other options; position independence is one that a target's kind decides.
  string(MAKE_C_IDENTIFIER "templar_precompiled_${PRECOMPILE_OPTIONS}" shared)
  get_target_property(kind ${target} TYPE)
  if(kind STREQUAL "EXECUTABLE")
    string(APPEND shared "_program")
  endif()
  if(PRECOMPILE_TEST)
    string(APPEND shared "_test")
  endif()
  if(NOT TARGET ${shared})
    set(source "${CMAKE_BINARY_DIR}/${shared}.cc")
    if(kind STREQUAL "EXECUTABLE")
      file(CONFIGURE OUTPUT "${source}" CONTENT "int main() {}\n")
      add_executable(${shared} EXCLUDE_FROM_ALL "${source}")
    else()
      file(CONFIGURE OUTPUT "${source}" CONTENT "\n")
      add_library(${shared} OBJECT EXCLUDE_FROM_ALL "${source}")
    endif()
    target_link_libraries(${shared} PRIVATE templar_flags dep_spdlog)  # their definitions count as well
    target_compile_options(${shared} PRIVATE ${PRECOMPILE_OPTIONS})
    set(headers <algorithm> <array> <atomic> <chrono> <cmath> <cstring> <expected> <filesystem> <fstream> <functional> <map> <memory>
        <mutex> <optional> <ranges> <set> <span> <string> <string_view> <thread> <variant> <vector> <fmt/format.h>)
    if(PRECOMPILE_TEST)
      find_package(GTest REQUIRED)
      target_link_libraries(${shared} PRIVATE GTest::gmock)
      list(APPEND headers <gmock/gmock.h> <gtest/gtest.h>)
    endif()
    target_precompile_headers(${shared} PRIVATE ${headers})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${shared})
endfunction()
