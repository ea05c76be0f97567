#!/usr/bin/env bash
# The ledger on etcd at a real cluster of three servers: the contracts of notice boards and ledgers. etcd_test.sh TEMPLAR, of whose
# build folder it takes the program that tests.
. "$(dirname "$0")/common.sh" "$@"
. "$(dirname "$0")/etcd/server.sh"
folder=$(dirname "$templar")
flock "$folder" ninja -C "$folder" etcd_board >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; give_up "etcd_board was not built"; }
open_etcd

say "the contracts"
check "the contracts at a real cluster" timeout -k 5 120 "$folder/etcd_board" "$etcd_hosts"
grep "^\[  PASSED" "$work/check.out"

small_data "$work/data"
network=("${small[@]}" --set inner.steps=$inner_steps --data "$work/data" --miners 2 --no-baseline --processes)
# on_etcd OUT PREFIX OPTION...: a localnet whose ledger is there.
on_etcd() { local out=$1 prefix=$2; shift 2; timeout -k 5 240 "$templar" localnet --out "$out" --ledger "etcd:http://$etcd_hosts/$prefix" "${network[@]}" "$@"; }
window_is_done() { grep -q "\"window\":$2[,}]" "$1/metrics/validator-0.jsonl"; }

say "the same network with its ledger in a file"
windows=24
check "a network on SQLite" timeout -k 5 240 "$templar" localnet --out "$work/sqlite" "${network[@]}" --windows $windows
equal "windows" $windows "$(window_roots "$work/sqlite" | wc -l)"

say "on etcd, whose servers are killed and whose history is compacted meanwhile"
on_etcd "$work/etcd-run" network --windows $windows >"$work/etcd-run.log" 2>&1 &
running=$!
wait_for 60 "window 4" window_is_done "$work/etcd-run" 4
follower=$((($(etcd_leader) + 1) % 3))
say "a server that does not lead is killed"
kill_etcd $follower
wait_for 60 "window 8" window_is_done "$work/etcd-run" 8
start_etcd $follower
wait_for 60 "the server's return" etcdctl endpoint health
say "the server that leads is killed"
leader=$(etcd_leader)
kill_etcd "$leader"
wait_for 60 "window 12" window_is_done "$work/etcd-run" 12
start_etcd "$leader"
wait_for 60 "the server's return" etcdctl endpoint health
say "the history is compacted"
for window in 14 16 18; do
  wait_for 60 "window $window" window_is_done "$work/etcd-run" $window
  revision=$(etcdctl endpoint status --write-out json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["Status"]["header"]["revision"])')
  check "compaction at $revision" etcdctl compact "$revision" --physical
done
wait "$running" || { fail "the network did not end well"; tail -n 30 "$work/etcd-run.log" >&2; }
roots_agree "$work/etcd-run"
equal "state roots on etcd and on SQLite" "$(window_roots "$work/sqlite")" "$(window_roots "$work/etcd-run")"

say "it resumes, there and nowhere else"
check "resumed" on_etcd "$work/etcd-run" network --windows $((windows + 2))
equal "windows" $((windows + 2)) "$(window_roots "$work/etcd-run" | wc -l)"
complains() { # WORDS COMMAND...
  local words=$1; shift
  "$@" >"$work/bad.out" 2>&1 && fail "succeeded: $*"
  grep -q -F -- "$words" "$work/bad.out" || { fail "not said: $words"; cat "$work/bad.out" >&2; }
}
complains "the run's ledger is on etcd, below the prefix network" "$templar" localnet --out "$work/etcd-run" "${network[@]}" --windows 30
complains "a run of this spec is there already" on_etcd "$work/another" network --windows 3
[ ! -e "$work/another" ] || fail "a run that could not begin left its folder behind"

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
