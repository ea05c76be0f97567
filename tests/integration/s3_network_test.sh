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
network=("${small[@]}" --set inner.steps=2 --data "$work/data" --miners 2 --no-baseline --processes --set network.put_window_seconds=1
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

say "no secret anywhere"
grep -r -l -F -e "-secret-key" "$work/s3" && fail "a secret is in the run's folder"

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
