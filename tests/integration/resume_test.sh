#!/usr/bin/env bash
# A localnet that was stopped or killed goes on from where it was, and ends as if nothing had happened where it was stopped cleanly.
. "$(dirname "$0")/common.sh" "$@"

small_data "$work/data"
inner_steps=40
network=(--data "$work/data" --seed 3)

# begin OUT OPTIONS...: starts a localnet and waits for its 4th window.
begin() {
  local out=$1; shift
  timeout -k 5 60 "$templar" localnet --out "$out" "${small[@]}" --set inner.steps=$inner_steps "${network[@]}" --miners 2 "$@" >"$out.log" 2>&1 &
  localnet_pid=$!
  wait_for 20 "$out: window 4" grep -q '^window  *4/' "$out.log" || give_up "$(tail -n 20 "$out.log")"
  # timeout's child is the localnet itself.
  program_pid=$(pgrep -P $localnet_pid)
}
# The first window that a call has printed.
first_window() { grep -m 1 -o '^window  *[0-9]*' "$1" | tr -dc 0-9; }
contents() { (cd "$1" && find . -type f ! -name '*.log' ! -path './lock' -exec sha256sum {} + | sort -k 2); }

say "an uninterrupted run"
localnet "$work/straight" "${network[@]}" --miners 2 --windows 12 || give_up "nothing to compare with"
roots_agree "$work/straight"

for mode in "" --processes; do
  out=$work/interrupted$mode
  say "stopped with Ctrl-C $mode"
  # shellcheck disable=SC2086  # no mode: no argument
  begin "$out" --windows 12 $mode
  kill -INT "$program_pid"
  code=0; wait $localnet_pid || code=$?
  equal "$out: exit code after Ctrl-C" 130 "$code"
  grep -q 'stopped; the same command resumes the run' "$out.log" || fail "$out: no line says that it was stopped: $(tail -n 3 "$out.log")"
  [ ! -e "$out/summary.json" ] || fail "$out: had ended before it was stopped"
  mv "$out.log" "$out.first.log"
  # shellcheck disable=SC2086
  localnet "$out" "${network[@]}" --miners 2 --windows 12 $mode
  [ "$(first_window "$out.log")" -ge 4 ] || fail "$out: begins again at window $(first_window "$out.log")"
  grep -q '^resuming run' "$out.log" || fail "$out: does not say that it resumes"
  roots_agree "$out"
  equal "$out: windows" 12 "$(field "$out/summary.json" windows)"
  check "$out: the same roots as without the stop" diff <(window_roots "$work/straight") <(window_roots "$out")
done

for mode in "" --processes; do
  out=$work/killed$mode
  say "killed with -9 $mode"
  # shellcheck disable=SC2086
  begin "$out" --windows 12 $mode
  kill -9 "$program_pid"
  wait $localnet_pid 2>/dev/null
  mv "$out.log" "$out.first.log"
  # shellcheck disable=SC2086  # at once: nodes of the killed one may still be working
  localnet "$out" "${network[@]}" --miners 2 --windows 12 $mode
  [ "$(first_window "$out.log")" -ge 3 ] || fail "$out: begins again at window $(first_window "$out.log")"
  roots_agree "$out"
  equal "$out: windows" 12 "$(field "$out/summary.json" windows)"
  check "$out: the same roots as without the kill" diff <(window_roots "$work/straight") <(window_roots "$out")
  nothing_corrupt "$out"
done

out=$work/straight
say "a finished run called again"
before=$(contents "$out/store"; contents "$out/model"; field "$out/summary.json" state_root)
localnet "$out" "${network[@]}" --miners 2 --windows 12
equal "a finished run called again changes nothing" "$before" "$(contents "$out/store"; contents "$out/model"; field "$out/summary.json" state_root)"
grep -q 'nothing is left to do' "$out.log" || fail "a finished run called again does not say so: $(tail -n 40 "$out.log" | head -n 5)"

say "more windows"
localnet "$out" "${network[@]}" --miners 2 --windows 15
roots_agree "$out"
equal "windows after the continuation" 15 "$(field "$out/summary.json" windows)"

say "another run in the same folder"
before=$(contents "$out")
for change in "--seed 4" "--seed 3 --set codec.topk=32" "--seed 3 --algorithm demo"; do
  code=0
  # shellcheck disable=SC2086
  said=$(timeout 30 "$templar" localnet --out "$out" "${small[@]}" --set inner.steps=1 --data "$work/data" --miners 2 --windows 15 $change 2>&1) || code=$?
  equal "$change: exit code" 1 "$code"
  [[ $said == *"holds another run"*--fresh* ]] || fail "$change: unclear message: $said"
done
equal "another run leaves the folder as it was" "$before" "$(contents "$out")"
say "one more miner in a run that goes on"
localnet "$out" "${network[@]}" --miners 3 --windows 18
roots_agree "$out"
newcomer=$(measurements "$out" validator-0 validator_scores eval_uid verdict | grep -c '^3 accepted')
[ "$newcomer" -ge 1 ] || fail "a miner that joined later was never accepted"

say "two at once in one folder"
begin "$work/busy" --windows 400
code=0
said=$(timeout 30 "$templar" localnet --out "$work/busy" "${small[@]}" --set inner.steps=$inner_steps "${network[@]}" --miners 2 --windows 400 2>&1) || code=$?
equal "a second localnet in a busy folder: exit code" 1 "$code"
[[ $said == *"another process works in this folder"* ]] || fail "a second localnet in a busy folder says: $said"
kill -INT "$program_pid"; wait $localnet_pid 2>/dev/null

say "--fresh"
echo mine >"$work/straight/notes.txt"
localnet "$out" --data "$work/data" --miners 2 --seed 4 --windows 2 --fresh
equal "windows of the fresh run" 2 "$(field "$out/summary.json" windows)"
equal "what was not the run's own stays" mine "$(cat "$out/notes.txt")"
say "more windows while an evaluator was slow"
mkdir "$work/tasks"
for i in $(seq 1500); do echo "{\"goal\": \"#include number $i\", \"sol1\": \"<a.h>\", \"sol2\": \"zzzz\", \"label\": 0}"; done >"$work/tasks/piqa.jsonl"
inner_steps=2
out=$work/slow
for windows in 4 8; do
  localnet "$out" "${network[@]}" --miners 2 --windows $windows --processes --no-baseline --tasks "$work/tasks"
done
equal "contributions accepted in each window" "2 2 2 2 2 2 2 2" "$(measurements "$out" validator-0 validator_window_v2 accepted | xargs)"

finish
