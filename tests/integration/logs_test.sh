#!/usr/bin/env bash
# What a run says: every event of a node has its role, uid and window, in one process and in many, and no key is shown.
. "$(dirname "$0")/common.sh" "$@"

# says FILE WHAT PATTERN
says() { grep -qE "$3" "$1" || { fail "$1: $2"; head -n 20 "$1" >&2; }; }

small_data "$work/data"
for mode in "--threads 2" "--processes"; do
  out=$work/run${mode// /}
  # shellcheck disable=SC2086  # word by word
  localnet "$out" --data "$work/data" --windows 3 --miners 2 --no-baseline $mode || continue
  case $mode in
    --processes) validator=$out/logs/validator-0.log miner=$out/logs/miner-2.log ;;
    *) validator=$out/logs/localnet.log miner=$out/logs/localnet.log
       says "$miner" "no line begins with time and level" '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z I [a-z]+: ' ;;
  esac
  says "$miner" "miner 2 is not named" 'miner: in sync .*uid=2 window=.* role=miner'
  says "$validator" "who publishes a checkpoint, on a thread of its own, is not named" 'checkpoint: published .*role=validator uid=0'
  equal "$mode: a field twice in a line" 0 "$(cat "$out"/logs/*.log | grep -cE ' uid=[0-9]+ .* uid=| window=[0-9]+ .* window=')"
  equal "$mode: keys to look for" 4 "$(ls "$out"/keys/*.key | wc -l)"
  for key in "$out"/keys/*.key; do
    ! grep -rqF "$(cat "$key")" "$out/logs" "$out.log" || fail "$key is shown in a log"
  done
done
finish
