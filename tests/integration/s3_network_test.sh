#!/usr/bin/env bash
# A network over S3: each node a process with a user and a bucket of its own at a real server, read by all others; its model is that of
# the same network over files, to the last bit. s3_network_test.sh TEMPLAR.
. "$(dirname "$0")/common.sh" "$@"
. "$(dirname "$0")/s3/server.sh"
# What the caller's own environment says of other servers is nothing to this test.
unset "${!AWS_@}" http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
export AWS_CONFIG_FILE=$work/config AWS_SHARED_CREDENTIALS_FILE=$work/credentials

open_radosgw
nodes=(validator-0 miner-1 miner-2)
for node in "${nodes[@]}"; do s3_user "$node"; done
for node in "${nodes[@]}"; do
  printf '[%s]\naws_access_key_id = %s-access\naws_secret_access_key = %s-secret-key\n' "$node" "$node" "$node" >>"$work/credentials"
  check "the bucket of $node" env AWS_PROFILE="$node" "$templar" store make "s3://run-$node?endpoint=$endpoint" --public
done

small_data "$work/data"
over_s3=(--store "s3://run-{node}?endpoint=$endpoint" --store-profile '{node}')
network=("${small[@]}" --set inner.steps=2 --data "$work/data" --miners 2 --no-baseline --processes --set network.put_window_seconds=2
  --set network.allow_http_stores=true --set network.allow_private_stores=true)

say "over S3"
check "a network over S3" timeout -k 5 120 "$templar" localnet --out "$work/s3" "${network[@]}" "${over_s3[@]}" --windows 5
roots_agree "$work/s3"
equal "objects in the run's own store" 0 "$(find "$work/s3/store" -type f | wc -l)"
grep -q "contributions/" <<<"$("$templar" store ls "s3://run-miner-1?endpoint=$endpoint&access=public")" || fail "no contribution in the bucket of miner-1"
say "it resumes"
check "resumed" timeout -k 5 120 "$templar" localnet --out "$work/s3" "${network[@]}" "${over_s3[@]}" --windows 8
roots_agree "$work/s3"
say "the same over files"
check "a network over files" timeout -k 5 120 "$templar" localnet --out "$work/files" "${network[@]}" --windows 8
equal "state roots over S3 and over files" "$(window_roots "$work/files")" "$(window_roots "$work/s3")"
equal "windows" 8 "$(window_roots "$work/s3" | wc -l)"
say "with stores elsewhere it is another run"
timeout 20 "$templar" localnet --out "$work/s3" "${network[@]}" --windows 9 >"$work/moved.out" 2>&1 && fail "resumed without its stores"
grep -q "has its objects in s3://run-" "$work/moved.out" || fail "not said where the objects are: $(cat "$work/moved.out")"

say "no secret in what a node leaves that crashes"
mkdir -p "$work/cores"
# crash PID: as a fault of its own would end it, where the limits let a core be.
crash() { kill -SEGV "$1"; wait_for 20 "the end of $1" test ! -d "/proc/$1" -o -n "$(grep -s "^State:.Z" "/proc/$1/status")"; }
(
  cd "$work/cores" && ulimit -c unlimited
  # What the search must find: a process with such a secret, which has forbidden nothing.
  SECRET=other-secret-key sleep 600 & echo $! >"$work/careless"
  "$templar" localnet --out "$work/s3" "${network[@]}" "${over_s3[@]}" --windows 14 >"$work/crash.log" 2>&1
) &
crashing=$!
wait_for 60 "window 9" sh -c "grep -q '\"window\":9[,}]' '$work/s3/metrics/validator-0.jsonl'"
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' >"$work/command-lines"
for node in validator-0 miner-1; do crash "$(cat "$work/s3/state/$node/pid")"; done
crash "$(cat "$work/careless")"
wait "$crashing" || { fail "the network did not go on after a crash"; tail -n 20 "$work/crash.log" >&2; }
roots_agree "$work/s3"
cores=$(find "$work/cores" -type f | wc -l)
if grep -q -r -F -e "-secret-key" "$work/cores"; then
  equal "cores: the careless process' one" 1 "$cores"
else
  echo "SKIPPED: processes leave no cores in their folders here ($(cat /proc/sys/kernel/core_pattern))"
fi
say "no secret anywhere"
grep -r -l -F -e "-secret-key" "$work/s3" "$work/crash.log" "$work/command-lines" && fail "a secret was found there"

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
