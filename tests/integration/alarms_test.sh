#!/usr/bin/env bash
# Alarms as an operator meets them, of real processes by the wall clock: each is told once by a command, over restarts too, with its end;
# `templar top` shows what stands and no more; who ends while one stands has exit code 3. And a localnet whose validators stand still.
# alarms_test.sh TEMPLAR
. "$(dirname "$0")/common.sh" "$@"

data=$work/data
small_data "$data"
run=$work/network
pids=()
declare -A pid_of=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; clean_up' EXIT

node() { # NAME ROLE [OPTION ...]: starts it
  local name=$1 role=$2; shift 2
  "$templar" "$role" --spec "$run/spec.json" --data "$data" --store "$run/store" --ledger "$run/ledger.db" --state "$run/state/$name" \
    --metrics "$run/metrics/$name.jsonl" --key "$run/keys/$name.key" --alert-command "echo \"\$ALERT_STATE \$ALERT_KIND\" >>'$run/told-$name'" \
    "$@" >>"$run/logs/$name.log" 2>&1 &
  pids+=($!)
  pid_of[$name]=$!
}
told() { cat "$run/told-$1" 2>/dev/null; } # NODE
was_told() { told "$1" | grep -q -x "$2"; } # NODE WORDS
shows() { "$templar" top "$run" --once | grep -q "ALARM $1"; }
shows_no() { ! shows "$1"; }

say "nobody trains: null rounds"
mkdir -p "$run"/{keys,store,state,metrics,logs}
for name in owner validator miner; do "$templar" key new "$run/keys/$name.key" >/dev/null; done
public() { "$templar" key show "$run/keys/$1.key" | awk '$1 " " $2 == "public key" {print $NF}'; }
"$templar" run show tiny "${small[@]:0:14}" --set inner.steps=2 --set network.block_seconds=1 --set network.blocks_per_window=3 \
  --set network.put_window_seconds=2 --set "network.owner=$(public owner)" >"$run/spec.json"
"$templar" network stake "$(public validator)" 1 --founder --spec "$run/spec.json" --ledger "$run/ledger.db" --key "$run/keys/owner.key"
# Not from window 0: the first window is the one that the ledger's time stands in.
node validator validator --until-window 5
wait "${pid_of[validator]}"
equal "exit code of a validator that ends while an alarm stands" 3 $?
grep -q "^alarm: null_rounds, since window" "$run/logs/validator.log" || fail "the validator does not say which: $(tail -n 3 "$run/logs/validator.log")"
equal "what its command was told" "begun null_rounds" "$(told validator)"
check "top shows it" shows null_rounds

say "it goes on, and somebody trains"
node validator validator
node miner miner
wait_for 60 "the end of the null rounds" was_told validator "ended null_rounds" || tail -n 5 "$run"/logs/*.log >&2
equal "nothing was told twice over the restart" $'begun null_rounds\nended null_rounds' "$(told validator)"
check "top shows it no more" shows_no null_rounds

say "nobody makes blocks"
kill -9 "${pid_of[validator]}"; wait "${pid_of[validator]}" 2>/dev/null
wait_for 60 "a miner that misses the blocks" was_told miner "begun no_blocks" || tail -n 5 "$run"/logs/miner.log >&2
check "top shows it" shows no_blocks
grep -q "no block has come for .* validator 0 (last heard of at block" "$run/logs/miner.log" || fail "the log does not say whose turn it is"
node validator validator
wait_for 60 "the end of it" was_told miner "ended no_blocks" || tail -n 5 "$run"/logs/*.log >&2
check "top shows it no more" shows_no no_blocks
equal "told once each" 1 "$(told miner | grep -c -x 'begun no_blocks')"
for name in validator miner; do kill "${pid_of[$name]}"; wait "${pid_of[$name]}"; equal "$name ends" 130 $?; done

say "a localnet whose validators stand still"
run=$work/local
timeout -k 5 120 "$templar" localnet --out "$run" "${small[@]}" --set inner.steps=2 --data "$data" --miners 2 --validators 2 --windows 30 \
  --no-baseline --processes >"$run.log" 2>&1 &
localnet=$!
wait_for 30 "some windows" grep -q "window    4/30" "$run.log" || give_up "$(tail -n 5 "$run.log")"
mapfile -t validators < <(cat "$run"/state/validator-*/pid)
stand_still "$run/ledger.db" "${validators[@]}"
wait_for 60 "the alarm" shows nobody_leads || { "$templar" top "$run" --once; tail -n 3 "$run"/logs/*.log; } >&2
"$templar" top "$run" --once | grep -A 8 "ALARM nobody_leads" | grep -q "do:  start the leader again" || fail "top does not say what to do"
kill -CONT "${validators[@]}"
wait_for 60 "its end" shows_no nobody_leads
wait "$localnet"
equal "the localnet's exit code" 0 $?
equal "alarms in its summary" "[]" "$(field "$run/summary.json" alarms)"
roots_agree "$run"
finish
