#!/usr/bin/env bash
# Each clock of a network an hour off, ahead and behind, while the run goes on (docs/decisions/0030-three-clocks.md): a node's, that of the
# leader who keeps the time, a store's, the ledger's time. Each is named within a window by who can see it, and no root is wrong.
# Clocks are turned by libfaketime, which programs load; the server's processes too. clocks_test.sh TEMPLAR
. "$(dirname "$0")/common.sh" "$@"
. "$(dirname "$0")/s3/server.sh"
unset "${!AWS_@}" http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
export AWS_CONFIG_FILE=$work/config AWS_SHARED_CREDENTIALS_FILE=$work/credentials

data=$work/data
small_data "$data"
run=$work/network
mkdir -p "$run"/{keys,store,state,metrics,logs} "$work/clocks"
declare -A pid_of=()
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; clean_up' EXIT

faketime=$(dpkg -L libfaketime | grep '/libfaketimeMT.so.1$')
turn() { printf '%+d\n' "$2" >"$work/clocks/$1.new"; mv "$work/clocks/$1.new" "$work/clocks/$1"; } # CLOCK SECONDS
# What a program is started with so that its clock is the machine's and as much off as turn says. The times of files stay as they are.
with_clock() { # CLOCK
  turn "$1" 0
  clock=("LD_PRELOAD=$faketime" "FAKETIME_TIMESTAMP_FILE=$work/clocks/$1" FAKETIME_CACHE_DURATION=1 FAKETIME_DONT_FAKE_MONOTONIC=1
    NO_FAKE_STAT=1 FAKETIME_DONT_RESET=1)
}

# All stores are on one server; miner-3 and validator-a ask for their own at a gateway of that server's whose clock can be turned.
open_radosgw
with_clock store
turned=$(free_ports 1)
(
  export "${clock[@]}"
  in_ceph radosgw -n client.rgw -f --rgw-frontends "beast endpoint=127.0.0.1:$turned tcp_nodelay=1" --pid-file "$ceph_dir/turned.pid" \
    --admin-socket "$ceph_dir/turned.asok" --log-file "$ceph_dir/turned.log" >"$ceph_dir/turned.out" 2>&1
) &
nodes=(validator-a validator-b miner-1 miner-2 miner-3)
for name in "${nodes[@]}"; do
  s3_user "$name"
  printf '[%s]\naws_access_key_id = %s-access\naws_secret_access_key = %s-secret-key\n' "$name" "$name" "$name" >>"$work/credentials"
  check "the bucket of $name" env AWS_PROFILE="$name" "$templar" store make "s3://run-$name?endpoint=$endpoint" --public
done
for name in owner "${nodes[@]}"; do "$templar" key new "$run/keys/$name.key" >/dev/null; done
public() { "$templar" key show "$run/keys/$1.key" | awk '$1 " " $2 == "public key" {print $NF}'; }
"$templar" run show tiny "${small[@]:0:14}" --set inner.steps=2 --set network.block_seconds=1 --set network.blocks_per_window=4 \
  --set network.put_window_seconds=2 --set network.leader_loss_windows=3 --set network.allow_http_stores=true \
  --set network.allow_private_stores=true --set network.contribution_retention_windows=100 --set "network.owner=$(public owner)" >"$run/spec.json"
owner() { "$templar" network "$@" --spec "$run/spec.json" --ledger "$run/ledger.db" --key "$run/keys/owner.key" >/dev/null; }
owner stake "$(public validator-a)" 1 --founder
owner stake "$(public validator-b)" 1

node() { # NAME ROLE [ENDPOINT]: starts it
  local name=$1
  with_clock "$name"
  env "${clock[@]}" "$templar" "$2" --spec "$run/spec.json" --data "$data" --store "s3://run-$name?endpoint=${3:-$endpoint}" --store-profile "$name" \
    --ledger "$run/ledger.db" --state "$run/state/$name" --metrics "$run/metrics/$name.jsonl" --key "$run/keys/$name.key" \
    --alert-command "echo \"\$ALERT_STATE \$ALERT_KIND\" >>'$run/told-$name'" >>"$run/logs/$name.log" 2>&1 &
  pids+=($!)
  pid_of[$name]=$!
}
turned="http://127.0.0.1:$turned"
node validator-a validator "$turned"
wait_for 20 "the founder" grep -q 'leads a new run' "$run/logs/validator-a.log" || give_up "$(tail -n 5 "$run/logs/validator-a.log")"
node validator-b validator
node miner-1 miner
node miner-2 miner
node miner-3 miner "$turned"

block() { sqlite3 "$run/ledger.db" 'SELECT max(number) FROM blocks' 2>/dev/null; }
decided() {
  "$templar" ledger show --spec "$run/spec.json" --ledger "$run/ledger.db" --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["decided_window"] or -1)'
}
decided_from() { [ "$(decided)" -ge "$1" ]; }
times_told() { grep -c -x "$2" "$run/told-$1" 2>/dev/null || true; } # NODE WORDS
told_more() { [ "$(times_told "$1" "$2")" -gt "$3" ]; }
wait_for 60 "windows of all" decided_from 4 || give_up "$(tail -n 5 "$run"/logs/*.log)"

# off "CLOCK ..." SECONDS NODE WORDS BLOCKS: turns the clocks; NODE must say so within so many blocks, in these words.
off() {
  local seconds=$2 name=$3 words=$4 blocks=$5 begun at clock
  begun=$(times_told "$name" "begun clock_off")
  say "the clock of $1, $seconds s: $name says so"
  at=$(block)
  for clock in $1; do turn "$clock" "$seconds"; done
  wait_for 60 "$name's alarm" told_more "$name" "begun clock_off" "$begun" || { tail -n 5 "$run/logs/$name.log" >&2; return; }
  at=$(($(block) - at))
  [ "$at" -le "$blocks" ] || fail "$name said it $at blocks later, in a run that has 4 a window"
  tail -n 40 "$run/logs/$name.log" | grep -q "alarm: clock_off.*$words" || fail "not in these words: $words; $(grep clock_off "$run/logs/$name.log" | tail -n 1)"
}
# right_again "CLOCK ..." NODE: puts them right; NODE must say that it is over.
right_again() {
  local ended clock; ended=$(times_told "$2" "ended clock_off")
  for clock in $1; do turn "$clock" 0; done
  wait_for 60 "the end of $2's alarm" told_more "$2" "ended clock_off" "$ended" || tail -n 5 "$run/logs/$2.log" >&2
}
# A window, and two blocks: libfaketime looks once a second whether a clock was turned.
soon=6
for seconds in 3600 -3600; do
  for name in miner-1 validator-b validator-a; do
    off "$name" "$seconds" "$name" "this machine's clock is .* of the ledger's time and its store's" $soon
    right_again "$name" "$name"
  done
  off store "$seconds" miner-3 "store's clock is .* of the ledger's time and this machine's" $soon
  right_again store miner-3
done
# The leader's clock and its store's together are what sets the ledger's time. Where they are behind it stands still, and is off by as much
# as has passed since: half a minute, before anybody may say so.
off "store validator-a" -3600 miner-1 "the ledger's time is .* behind of this machine's clock and its store's" $((soon + 36))
right_again "store validator-a" miner-1
newest=$(decided)
wait_for 60 "windows after all clocks are right again" decided_from $((newest + 3)) || tail -n 5 "$run"/logs/*.log >&2
equal "alarms that stand" "" "$("$templar" top "$run" --once | grep 'ALARM clock_off')"
# The last one: blocks never go back, so an hour of error costs an hour.
off "store validator-a" 3600 miner-1 "the ledger's time is .* ahead of this machine's clock and its store's" $soon
for name in "${nodes[@]}"; do kill "${pid_of[$name]}"; wait "${pid_of[$name]}"; equal "$name ends" 130 $?; done
{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
check "no root is another" window_roots "$run"
window_roots "$run" | tail -n 1
finish
