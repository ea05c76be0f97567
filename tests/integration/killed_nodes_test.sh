#!/usr/bin/env bash
# Nodes killed with -9 at many instants come back, with the model that the others have, and leave nothing broken.
. "$(dirname "$0")/common.sh" "$@"

windows=${WINDOWS:-72}
out=$work/run
small_data "$work/data"
inner_steps=200
timeout -k 5 100 "$templar" localnet --out "$out" --data "$work/data" --processes --miners 3 --windows "$windows" --no-baseline \
  "${small[@]}" --set inner.steps=$inner_steps --set scoring.evaluation_samples=32 >"$work/run.log" 2>&1 &
localnet_pid=$!
wait_for 20 "the first decision" compgen -G "$out/store/*/accepted/*" || give_up "$(tail -n 20 "$work/run.log")"

bucket_of() { "$templar" key show "$out/keys/$1.key" | grep -o 'node-[0-9a-f]*'; }
leader=$(bucket_of validator-0)

killed=0
kill_when() { # NODE INSTANT [BUCKET]: sets window, restarted
  local said
  if said=$(python3 "$(dirname "$0")/kill_when.py" "$out" "$1" "$2" "${3:-$leader}" "$leader" 2>&1); then
    read -r window restarted <<<"$said"
    killed=$((killed + 1))
    say "$1 killed while $2 in window $window, started again in window $restarted"
    return 0
  fi
  fail "killing $1 while $2: $said"
  return 1
}

# The windows in which the validator accepted that uid's contribution.
accepted_windows() { measurements "$out" validator-0 validator_scores eval_uid verdict window | awk -v uid="$1" '$1 == uid && $2 == "accepted" {print $3}'; }
back_in_time() { accepted_windows "$1" | awk -v from="$2" '$1 >= from && $1 <= from + 2 {found = 1} END {exit !found}'; }

came_back=()
for ((round = 0; round < ${ROUNDS:-1}; ++round)); do
  kill_when miner-2 training "$(bucket_of miner-2)" && came_back+=("2 $window $restarted")
  kill_when validator-0 deciding
  kill_when validator-0 judged
  kill_when evaluator evaluating
  kill_when miner-1 waiting "$(bucket_of miner-1)" && came_back+=("1 $window $restarted")
  kill_when validator-0 between
done
# One that is asked to end does so by itself, and comes back as well.
kill -TERM "$(cat "$out/state/miner-3/pid")" && killed=$((killed + 1))

code=0; wait $localnet_pid || code=$?
equal "localnet's exit code" 0 "$code"
[ "$code" = 0 ] || { tail -n 30 "$work/run.log" >&2; give_up "the run did not end well"; }

for one in "${came_back[@]}"; do
  read -r uid in from <<<"$one"
  # A machine may be so busy that a window waits until its miner is back.
  accepted_windows "$uid" | grep -qx "$in" || grep -q "gathered .*not $uid (\(missing\|no_key\))" "$work/run.log" ||
    fail "no line says that the contribution of miner $uid, killed in window $in, is missing"
  back_in_time "$uid" "$from" || fail "miner $uid, started again in window $from, is not in the gather by window $((from + 2)): accepted in $(accepted_windows "$uid" | tr '\n' ' ')"
done
roots_agree "$out"
equal "windows" "$windows" "$(field "$out/summary.json" windows)"
equal "windows with a root" "$windows" "$(window_roots "$out" | wc -l)"
equal "every restart is told" "$killed" "$(grep -c 'was stopped and is started again' "$work/run.log")"
equal "a line for each window" "$windows" "$(grep -c '^window ' "$work/run.log")"
for ((w = windows - 14; w <= windows; w += 2)); do  # the newest eight stay
  [ -f "$out/store/$leader/checkpoints/$(printf %010d "$w")/manifest.json" ] || fail "checkpoint $w is missing"
done
equal "checkpoints" 8 "$(find "$out/store/$leader/checkpoints" -name manifest.json | wc -l)"
nothing_corrupt "$out"
check "the model verifies" "$templar" checkpoint verify "$out/model"

say "one that stands still is named, and does not keep the network from ending"
out=$work/still
timeout -k 5 60 "$templar" localnet --out "$out" --data "$work/data" --processes --miners 3 --windows 400 --no-baseline "${small[@]}" \
  --set inner.steps=$inner_steps >"$work/still.log" 2>&1 &
localnet_pid=$!
wait_for 20 "window 4" grep -q '^window  *4/' "$work/still.log" || give_up "$(tail -n 20 "$work/still.log")"
stand_still "$out/ledger.db" "$(cat "$out/state/miner-2/pid")"
wait_for 10 "who holds up the window" grep -q 'window is held up by.*miner-2' "$out/logs/localnet.log" || fail "nobody says that miner-2 stands still"
reached=$(grep -c '^window ' "$work/still.log")
kill -CONT "$(cat "$out/state/miner-2/pid")"
wait_for 20 "windows after it went on" eval '[ "$(grep -c "^window " "$work/still.log")" -gt $((reached + 3)) ]' || fail "the network does not go on"
stand_still "$out/ledger.db" "$(cat "$out/state/miner-3/pid")"
started=$SECONDS
kill -INT "$(pgrep -P $localnet_pid)"
code=0; wait $localnet_pid || code=$?
equal "exit code after Ctrl-C with a node that stands still" 130 "$code"
[ $((SECONDS - started)) -lt 10 ] || fail "Ctrl-C took $((SECONDS - started)) s"
check "the nodes agree in every window" window_roots "$out"
finish
