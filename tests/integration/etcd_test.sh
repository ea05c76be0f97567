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

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
