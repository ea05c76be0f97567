#!/usr/bin/env bash
# A run that belongs to its participants: nodes started by hand, as docs/operations.md says, by the wall clock and without a localnet. The
# leader (who keeps the time as well) is killed for good at a random moment, and its bucket deleted. Another validator takes over, the time
# goes on, all roots agree, a new node can join, and what strangers write on the ledger changes nothing. takeover_test.sh TEMPLAR
# [TRIALS [SEED]].
. "$(dirname "$0")/common.sh" "$@"

trials=${2:-1}
RANDOM=${3:-$(date +%s)}
data=$work/data
small_data "$data"
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; wait 2>/dev/null' EXIT

node() { # NAME ROLE [OPTION ...]: starts it
  local name=$1 role=$2; shift 2
  "$templar" "$role" --spec "$run/spec.json" --data "$data" --store "$run/store" --ledger "$run/ledger.db" --state "$run/state/$name" \
    --metrics "$run/metrics/$name.jsonl" --key "$run/keys/$name.key" "$@" >"$run/logs/$name.log" 2>&1 &
  pids+=($!)
  pid_of[$name]=$!
}
key_field() { "$templar" key show "$run/keys/$1.key" | awk -v what="$2" '$1 == what || $1 " " $2 == what {print $NF}'; }
owner() { "$templar" network "$@" --spec "$run/spec.json" --ledger "$run/ledger.db" --key "$run/keys/owner.key"; }
shown() { "$templar" ledger show --spec "$run/spec.json" --ledger "$run/ledger.db" "$@"; }
decided() { shown --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["decided_window"] or -1)'; }
ledgers_window() { shown --json | python3 -c 'import json, sys; print((json.load(sys.stdin)["block"] or 0) // 3)'; }
decided_from() { [ "$(decided)" -ge "$1" ]; }
leads() { shown --json | python3 -c 'import json, sys; t = [x for x in json.load(sys.stdin)["terms"] if x["in_force"]]; print(t[-1]["leader"])'; }
# "WINDOW ROOT" of all that a node has measured.
roots_of() { measurements "$run" "$1" "$2" window state_root | sort -k 1,1; }

trial() {
  run=$work/trial-$1
  declare -gA pid_of=()
  mkdir -p "$run"/{keys,store,state,metrics,logs}
  for name in owner validator-a validator-b miner-1 miner-2 miner-3 miner-4 stranger; do
    "$templar" key new "$run/keys/$name.key" >/dev/null
  done
  "$templar" run show tiny "${small[@]:0:14}" --set inner.steps=2 --set network.block_seconds=1 --set network.blocks_per_window=3 \
    --set network.put_window_seconds=2 --set network.leader_loss_windows=2 --set network.checkpoint_interval=4 \
    --set network.contribution_retention_windows=40 --set "network.owner=$(key_field owner 'public key')" >"$run/spec.json"
  for name in a b; do owner stake "$(key_field validator-$name 'public key')" 1 $([ $name = a ] && echo --founder); done
  node validator-a validator
  wait_for 20 "the founder" grep -q 'leads a new run' "$run/logs/validator-a.log" || give_up "$(tail -n 5 "$run/logs/validator-a.log")"
  node validator-b validator
  for name in miner-1 miner-2 miner-3; do node "$name" miner; done
  local before=$((3 + RANDOM % 3))
  wait_for 60 "window $before" decided_from $before || give_up "$(tail -n 5 "$run"/logs/*.log)"
  sleep "0.$((RANDOM % 10))$((RANDOM % 10))"  # the moment
  local leader last; leader=$(leads)
  equal "the founder leads" "$(key_field validator-a 'public key')" "$leader"
  kill -9 "${pid_of[validator-a]}"; wait "${pid_of[validator-a]}" 2>/dev/null
  rm -rf "${run:?}/store/$(key_field validator-a bucket)"
  last=$(decided)
  local killed_in; killed_in=$(ledgers_window)
  # A stranger with a new key makes itself a validator, and the miner's key says that it leads: nobody listens.
  node stranger validator
  # The time stands still for three blocks for each who comes first, then the windows count.
  wait_for 90 "a window decided by the next validator" decided_from $((last + 1)) || give_up "$(shown; tail -n 5 "$run"/logs/*.log)"
  # The windows count by the ledger's blocks, of which none is made before somebody takes over the time.
  local took=$(($(ledgers_window) - killed_in))
  [ "$took" -le 5 ] || fail "decided $took windows after the leader was killed, in a run that gives it 2"
  equal "the next validator leads" "$(key_field validator-b 'public key')" "$(leads)"
  wait_for 60 "windows with contributions" decided_from $((last + 7)) || give_up "$(shown; tail -n 5 "$run"/logs/*.log)"
  node miner-4 miner
  wait_for 60 "the new miner" grep -q 'in sync' "$run/logs/miner-4.log" || give_up "$(tail -n 5 "$run/logs/miner-4.log")"
  wait_for 60 "windows with the new miner" decided_from $(($(decided) + 4)) || give_up "$(shown; tail -n 5 "$run"/logs/*.log)"
  # The old leader comes back, without its bucket, and follows.
  mv "$run/logs/validator-a.log" "$run/logs/validator-a.log.before"
  node validator-a validator
  wait_for 60 "the old leader" grep -q 'in sync' "$run/logs/validator-a.log" || give_up "$(tail -n 5 "$run/logs/validator-a.log")"
  equal "the old leader follows" "$(key_field validator-b 'public key')" "$(leads)"
  for name in validator-b miner-1 miner-2 miner-3 miner-4 stranger; do kill "${pid_of[$name]}"; done
  for name in validator-b miner-1 miner-2 miner-3 miner-4; do wait "${pid_of[$name]}"; equal "$name ends" 130 $?; done
  kill -9 "${pids[@]}" 2>/dev/null; wait 2>/dev/null; pids=()
  local name
  for name in miner-1 miner-2 miner-3 miner-4; do
    join <(roots_of miner-1 training_step_v2) <(roots_of "$name" training_step_v2) | awk '$2 != $3 {print "window " $1; bad = 1} END {exit bad}' ||
      fail "roots of miner-1 and $name differ"
  done
  say "trial $1: leader killed after window $last, the next one decided $took windows later; $(shown | grep '^decided')"
}

for ((i = 1; i <= trials; ++i)); do trial "$i"; done
finish
