#!/usr/bin/env bash
# Plants known faults, one at a time, and says whether `templar sim faults` finds them.
#   scripts/planted-faults.sh [--seconds N] [--build FOLDER] [PATCH...]
# Each patch of tests/planted takes out a rule that the nodes or the ledger must keep. It is applied to this tree, which must have no
# changes of its own (a clone is best), built into FOLDER (build/quick, which must be configured), and tried on seeds from 0 on for N
# (600) CPU seconds at the most; then the tree is put back. Exit code 1: a fault was not found, or no longer fits the sources.
set -eu
cd "$(dirname "$0")/.."
seconds=600; build=build/quick
while [[ ${1:-} == --* ]]; do
  case $1 in
    --seconds) seconds=$2 ;;
    --build) build=$2 ;;
    *) echo "no option is called $1" >&2; exit 2 ;;
  esac
  shift 2
done
[ $# -gt 0 ] || set -- tests/planted/*.patch
[ -z "$(git status --porcelain src)" ] || { echo "src has changes: commit them first, so that nothing is mixed up" >&2; exit 2; }
trap 'git checkout -q -- src' EXIT
found=0; tried=0
for patch in "$@"; do
  name=$(basename "$patch" .patch); tried=$((tried + 1))
  if ! git apply "$patch" 2>/dev/null; then echo "DOES NOT FIT  $name"; continue; fi
  if ! ninja -C "$build" templar >"$build/planted.log" 2>&1; then
    echo "NO BUILD      $name (see $build/planted.log)"; git checkout -q -- src; continue
  fi
  # In steps, so that it ends soon after the first find.
  started=$SECONDS; seed=0; verdict=""
  while [ -z "$verdict" ] && [ $((SECONDS - started)) -lt "$seconds" ]; do
    timeout "$seconds" "$build/templar" sim faults --seeds "$seed:$((seed + 20))" --until-failure >"$build/planted.out" 2>&1 || verdict=$?
    seed=$((seed + 20))
  done
  # A fault that ends the process or stops it is found as well.
  if [ -n "$verdict" ]; then
    found=$((found + 1)); echo "found         $name: $((SECONDS - started)) s; $(grep -m 1 -a -E '^seed |terminate|CHECK' "$build/planted.out" || echo "exit code $verdict")"
  else
    echo "NOT FOUND     $name: $seed seeds in $((SECONDS - started)) s"
  fi
  git checkout -q -- src
done
ninja -C "$build" templar >"$build/planted.log" 2>&1
echo "$found of $tried planted faults were found"
[ "$found" = "$tried" ]
