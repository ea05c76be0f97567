#!/usr/bin/env bash
# One seed gives one run: in one process or many, whatever the number of nodes that work at once.
. "$(dirname "$0")/common.sh" "$@"

small_data "$work/data"
for algorithm in sparseloco demo; do
  [ "$algorithm" = demo ] && inner_steps=1
  common=(--data "$work/data" --algorithm "$algorithm" --windows 5 --miners 3 --no-baseline)
  reference=$work/$algorithm-threads-1
  localnet "$reference" "${common[@]}" --seed 7 --threads 1 || continue
  roots_agree "$reference"
  equal "$reference: windows reported" 5 "$(window_roots "$reference" | wc -l)"
  for mode in "--threads 2" "--threads 2 --node-threads 2" "--processes" "--processes --node-threads 2"; do
    out=$work/$algorithm${mode// /}
    # shellcheck disable=SC2086  # word by word
    localnet "$out" "${common[@]}" --seed 7 $mode || continue
    roots_agree "$out"
    # Within a thread budget all is the same; another budget may train differently, but all nodes alike.
    case $mode in *node-threads*) continue ;; esac
    equal "$algorithm $mode: the last state root" "$(field "$reference/summary.json" state_root)" "$(field "$out/summary.json" state_root)"
    check "$algorithm $mode: the same root in every window" diff <(window_roots "$reference") <(window_roots "$out")
  done
  equal "$algorithm: node threads 2 in both modes: the last root" \
    "$(field "$work/$algorithm--threads2--node-threads2/summary.json" state_root)" \
    "$(field "$work/$algorithm--processes--node-threads2/summary.json" state_root)"
  localnet "$work/$algorithm-other-seed" "${common[@]}" --seed 8
  [ "$(field "$work/$algorithm-other-seed/summary.json" state_root)" != "$(field "$reference/summary.json" state_root)" ] ||
    fail "$algorithm: another seed gives the same run"
done
finish
