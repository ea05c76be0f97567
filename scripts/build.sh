#!/usr/bin/env bash
# Configures and builds: scripts/build.sh PRESET [TARGET ...]. Quiet unless something fails.
set -eu
cd "$(dirname "$0")/.."
preset=$1; shift
# ccache may count on the sources to ask neither for the time nor for macros before their precompiled headers, and finds a source's
# headers by what the compiler has read, instead of preprocessing it first: a tenth of a cold build.
export CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1
mkdir -p build
log=build/$preset.log
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
if [ -t 1 ]; then
  ninja -C "build/$preset" "$@"
else
  echo "building $preset: ${*:-all}"
  ninja -C "build/$preset" "$@" >"$log" 2>&1 || { grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n 60 >&2; exit 1; }
fi
