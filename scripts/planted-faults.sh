#!/usr/bin/env bash
# Plants known faults, one at a time, and says whether `templar sim faults` finds them.
#   scripts/planted-faults.sh [--seconds N] [--build FOLDER] [PATCH...]
# Each patch of tests/planted takes out a rule that the nodes or the ledger must keep. It is applied to this tree, which must have no
# changes of its own (a clone is best), built into FOLDER (build/quick, which must be configured), and tried on seeds from 0 on for N
# (600) seconds at the most; then the tree is put back. A seed that breaks a rule without the fault, too, is passed over. Exit code 1:
# a fault was not found, or no longer fits the sources.
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
whole=$build/templar-without-planted-fault
trap 'git checkout -q -- src; rm -f "$whole"' EXIT
ninja -C "$build" templar >"$build/planted.log" 2>&1 || { echo "the sources don't build (see $build/planted.log)" >&2; exit 2; }
cp "$build/templar" "$whole"
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
    code=0
    timeout "$seconds" "$build/templar" sim faults --seeds "$seed:$((seed + 20))" --until-failure >"$build/planted.out" 2>&1 || code=$?
    if [ $code = 0 ]; then seed=$((seed + 20)); continue; fi
    # A fault that ends the process or stops it is found as well.
    verdict=$(grep -m 1 -a -E '^seed [0-9]+: |terminate|CHECK' "$build/planted.out" || echo "exit code $code")
    broken=$(sed -n 's/^seed \([0-9]*\): .*/\1/p' <<<"$verdict")
    if [ -n "$broken" ] && ! "$whole" sim faults --seed "$broken" >/dev/null 2>&1; then
      echo "              seed $broken breaks a rule without the fault, too: passed over"
      verdict=""; seed=$((broken + 1))
    fi
  done
  if [ -n "$verdict" ]; then
    found=$((found + 1)); echo "found         $name: $((SECONDS - started)) s; $verdict"
  else
    echo "NOT FOUND     $name: $seed seeds in $((SECONDS - started)) s"
  fi
  git checkout -q -- src
done
ninja -C "$build" templar >"$build/planted.log" 2>&1
echo "$found of $tried planted faults were found"
[ "$found" = "$tried" ]
