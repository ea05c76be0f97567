#!/usr/bin/env bash
# Slow, huge, rebinding and many clients of the dashboard and of the port for Prometheus: memory stays, others are served, Ctrl-C ends both.
. "$(dirname "$0")/common.sh" "$@"
clients=$(dirname "$0")/hostile_clients.py

small_data "$work/data"
localnet "$work/run" --data "$work/data" --windows 4 --miners 2 --no-baseline || give_up "no run"

# port_in FILE: the port in the address that a log or an output names.
port_in() { grep -o 'http://127.0.0.1:[0-9]*' "$1" | head -n 1 | grep -o '[0-9]*$'; }

serve() { # NAME PATH COMMAND...: the command's server withstands them
  local name=$1 path=$2 pid; shift 2
  say "$name"
  "$@" >"$work/$name.log" 2>&1 &
  pid=$!
  if ! wait_for 20 "the port of $name" eval "[ -n \"\$(port_in '$work/$name.log')\" ]"; then
    if grep -q 'built without the dashboard' "$work/$name.log"; then say "SKIPPED: $name: no page in this build"; failures=$((failures - 1)); fi
    return
  fi
  python3 "$clients" $pid "$(port_in "$work/$name.log")" "$path" || { fail "$name"; tail -n 5 "$work/$name.log" >&2; }
  kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
}

serve dashboard / "$templar" dashboard "$work/run" --port 0
# A miner that is in sync and waits for blocks that nobody makes.
serve prometheus /metrics "$templar" miner --spec "$work/run/run_spec.json" --data "$work/data" --store "$work/run/store" \
  --ledger "$work/run/ledger.db" --key "$work/run/keys/miner-1.key" --state "$work/state" --metrics "$work/m.jsonl" --prometheus 0
finish
