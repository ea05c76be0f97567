#!/bin/sh
# Consensus must come out the same from every compiler and optimisation level: builds a small program from base/ and core/ with
# GCC and clang at -O0 and -O3 and compares the state roots of its synthetic run with the frozen ones, on one and on
# three threads.
#   scripts/check-determinism.sh [BUILD_FOLDER]      default: build/determinism
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/determinism}
mkdir -p "$build"
launcher=$(command -v ccache || true)

# The sources of the consensus path alone: the slow rest of base/ and core/ (log, JSON) does not reach it. A room's are compiled
# together, except the kernels, which include themselves once for each instruction set.
sources="tests/support/synthetic_contribution.cc tests/support/synthetic_run.cc tests/support/test_run.cc
  tests/integration/consensus_root.cc"
for room in base core/run core/coding core/protocol core/codec core/consensus; do
  joined=$build/$(echo "$room" | tr / _).cc
  : >"$joined"
  for source in $(find "src/$room" -name '*.cc' \
    ! -name '*_test.cc' ! -name '*_bench.cc' ! -name '*_fuzz.cc' ! -name 'run_spec*.cc' ! -name 'presets*.cc' ! -name 'amendment*.cc' \
    ! -name 'log*.cc' ! -name 'json*.cc' ! -name 'clock.cc' ! -name 'aggregate_record.cc' ! -name 'object_keys.cc' | sort); do
    if grep -q 'define HWY_TARGET_INCLUDE' "$source"; then sources="$sources $source"; else echo "#include \"${source#src/}\"" >>"$joined"; fi
  done
  sources="$sources $joined"
done

compile() {  # compiler, level
  folder=$build/$1$2
  rm -rf "$folder"; mkdir -p "$folder"  # no object of a source that is gone
  for source in $sources; do
    object=$folder/$(echo "$source" | tr / _).o
    echo "$launcher $1 -std=c++23 $2 -ffp-contract=off -march=x86-64-v2 -w -Isrc -Itests -c $source -o $object"
  done
}

jobs=$(nproc)
for compiler in g++ clang++-19; do
  for level in -O0 -O3; do compile $compiler $level; done
done | xargs -P "$jobs" -I{} sh -c '{}'

failed=0
for compiler in g++ clang++-19; do
  for level in -O0 -O3; do
    program=$build/consensus_root-$compiler$level
    # An archive: what the path does not reach may need what was left out.
    rm -f "$build/$compiler$level/all.a"
    ar rcs "$build/$compiler$level/all.a" "$build/$compiler$level"/*.o
    $compiler "$build/$compiler$level"/*consensus_root.cc.o "$build/$compiler$level/all.a" -o "$program" -lsodium -lfmt -lhwy -pthread
    for threads in 1 3; do
      # The program compares with the frozen roots itself, and says by its exit code whether they are these.
      if said=$("$program" $threads); then outcome=; else outcome="ANOTHER MODEL: " failed=1; fi
      combined=$(echo "$said" | tail -1)
      echo "$compiler $level, $threads threads: $outcome${combined%% *}"
    done
  done
done
exit $failed
