#!/usr/bin/env bash
# Runs a fuzzer of the asan-ubsan build for some time on its corpus: scripts/fuzz.sh FUZZER SECONDS. What it finds is kept in
# build/fuzz/FUZZER; an input that breaks something is named and the exit code is not 0.
set -eu
cd "$(dirname "$0")/.."
fuzzer=$1; seconds=$2
found=build/fuzz/$fuzzer
mkdir -p "$found"
seeds=fuzz/corpus/$fuzzer; [ -d "$seeds" ] || seeds=
# shellcheck disable=SC2086  # no seeds: no argument
exec "build/asan-ubsan/$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  -artifact_prefix="$found/failed-" "$found" $seeds
