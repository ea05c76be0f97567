#!/usr/bin/env bash
# Configures and builds: scripts/build.sh PRESET [TARGET ...]. On a terminal ninja shows how far it is. Elsewhere a line does so every
# ten seconds; the compilers' words are shown where something fails, and stay in build/PRESET.log.
set -eu
cd "$(dirname "$0")/.."
preset=$1; shift
# ccache may count on the sources to ask neither for the time nor for macros before their precompiled headers, and finds a source's
# headers by what the compiler has read, instead of preprocessing it first: a tenth of a cold build.
export CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1
mkdir -p build
log=build/$preset.log
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
if [ -t 1 ]; then exec ninja -C "build/$preset" "$@"; fi

echo "building $preset: ${*:-all}"
ninja -C "build/$preset" "$@" >"$log" 2>&1 &
ninja=$!
trap 'kill $ninja 2>/dev/null; exit 130' INT TERM
next=$((SECONDS + 10))
while kill -0 $ninja 2>/dev/null; do
  if [ $SECONDS -ge $next ]; then
    done_of=$(grep -oE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 1 | tr -d '[]' | sed 's|/| of |') || true
    echo "  ${done_of:-0} steps, $((SECONDS / 60)) min $((SECONDS % 60)) s"
    next=$((SECONDS + 10))
  fi
  sleep 0.2
done
wait $ninja || { grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n 60 >&2; exit 1; }
