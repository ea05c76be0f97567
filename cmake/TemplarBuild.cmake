# Compiler settings that every target shares.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(TEMPLAR_TESTS "Build the tests" ON)
option(TEMPLAR_ONLY_CORE "Leave out the rooms that the consensus does not need, and their libraries" OFF)
option(TEMPLAR_FUZZERS "Build the libFuzzer targets (clang only)" OFF)
option(TEMPLAR_PRECOMPILED_HEADERS "Compile each target's common headers once (clang; GCC gains nothing by it)" OFF)
option(TEMPLAR_QUICK "Optimise only the rooms that compute: for working on the code" OFF)
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
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(templar_flags INTERFACE -march=x86-64-v2)
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
if(TEMPLAR_PRECOMPILED_HEADERS)
  target_compile_options(templar_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")  # or ccache never finds one again
endif()
find_package(Threads REQUIRED)
target_link_libraries(templar_flags INTERFACE Threads::Threads)

# templar_precompile(<target> [<headers>])
#
# The standard library's common headers and the given ones. Sources still include all that they use: builds without this need it.
function(templar_precompile target)
  if(TEMPLAR_PRECOMPILED_HEADERS)
    target_precompile_headers(${target} PRIVATE <algorithm> <array> <atomic> <chrono> <cmath> <cstring> <expected> <filesystem> <fstream>
      <functional> <map> <memory> <mutex> <optional> <ranges> <set> <span> <string> <string_view> <thread> <variant> <vector> ${ARGN})
  endif()
endfunction()
