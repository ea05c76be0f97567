#!/usr/bin/env bash
# Stores over S3 at a real server, which checks every signature: the store contract, uploads in parts, users whose rights are apart,
# reading for everybody; and `templar store` as a user calls it. s3_test.sh TEMPLAR, of whose build folder it takes the program that
# tests.
. "$(dirname "$0")/common.sh" "$@"
. "$(dirname "$0")/s3/server.sh"
folder=$(dirname "$templar")
flock "$folder" ninja -C "$folder" s3_store >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; give_up "s3_store was not built"; }
# What the caller's own environment says of other servers is nothing to this test.
unset "${!AWS_@}" http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
export AWS_CONFIG_FILE=$work/config AWS_SHARED_CREDENTIALS_FILE=$work/credentials

open_radosgw
s3_user miner; s3_user reader

say "the contract"
check "the store contract at a real server" timeout -k 5 120 "$folder/s3_store" "$endpoint"
grep "^\[  PASSED" "$work/check.out"

say "templar store"
printf '[default]\naws_access_key_id = miner-access\naws_secret_access_key = miner-secret-key\n[profile reader]\n' >"$work/credentials"
printf '[reader]\naws_access_key_id = reader-access\naws_secret_access_key = reader-secret-key\n' >>"$work/credentials"
head -c 40000000 /dev/urandom >"$work/large"
address="s3://open-bucket/a/prefix?endpoint=$endpoint"
store() { timeout -k 5 60 "$templar" store "$@"; }
check "make a bucket that all may read" store make "$address" --public
check "make it again" store make "$address" --public
check "make one for oneself" store make "s3://closed-bucket?endpoint=$endpoint"
check "put a file of 40 MB" store put "$address" dir/large "$work/large"
check "get it" store get "$address" dir/large "$work/back"
check "it is equal" cmp "$work/large" "$work/back"
check "get it without keys" env AWS_SHARED_CREDENTIALS_FILE=/dev/null "$templar" store get "$address&access=public" dir/large "$work/public"
check "it is equal" cmp "$work/large" "$work/public"
equal "its size in the list" 40000000 "$(store ls "$address" | awk '{ print $1 }')"
check "the check of an open bucket" store check "$address" && cat "$work/check.out"
grep -q "^OK    others read " "$work/check.out" || fail "an open bucket is not readable for others"
grep -q "others miss" "$work/check.out" && fail "what is missing looks forbidden"
check "the check of a closed bucket" store check "s3://closed-bucket?endpoint=$endpoint"
grep -q "^WARN  others read " "$work/check.out" || fail "nothing was said of a closed bucket"

# complains WORDS COMMAND...: it fails, says so, and prints no secret.
complains() {
  local words=$1; shift
  "$@" >"$work/bad.out" 2>&1 && fail "succeeded: $*"
  grep -q -F -- "$words" "$work/bad.out" || { fail "not said: $words"; cat "$work/bad.out" >&2; }
  grep -q "secret-key" "$work/bad.out" && fail "a secret was printed"
}
say "what is wrong is said"
complains "the keys are not allowed to do this" env AWS_PROFILE=reader "$templar" store put "$address" name "$work/large"
complains "the secret is not theirs" env AWS_ACCESS_KEY_ID=miner-access AWS_SECRET_ACCESS_KEY=other-secret-key "$templar" store put "$address" name "$work/large"
complains "BucketAlreadyExists" env AWS_PROFILE=reader "$templar" store make "$address"
complains "no such bucket: make it" store put "s3://no-bucket?endpoint=$endpoint" name "$work/large"
complains "exists; --force replaces it" store get "$address" dir/large "$work/back"
complains "http is not allowed" store ls "$address" --as-peer
complains "is the server there" store ls "s3://open-bucket?endpoint=http://127.0.0.1:1"

say "a data set in a bucket"
check "a bucket for data" store make "s3://data-bucket?endpoint=$endpoint" --public
prepare() { "$templar" data prepare /usr/include --extensions h --sequence-length 32 --shard-samples 2000 "$@" >"$work/prepare.log" 2>&1; }
prepare --max-bytes 300000 --held-out-samples 64 --out "$work/data" || { cat "$work/prepare.log" >&2; give_up "no data"; }
prepare --max-bytes 200000 --out "$work/other-data"
data="s3://data-bucket/corpora/headers?endpoint=$endpoint"
push() { timeout -k 5 60 "$templar" data push "$@"; }
check "push it" push "$work/data" "$data" && cat "$work/check.out"
check "push it again" push "$work/data" "$data"
grep -q " 0 of them sent now" "$work/check.out" || fail "files were sent twice"
complains "another data set is there" push "$work/other-data" "$data"
check "replace it" push "$work/other-data" "$data" --force
check "replace it by the first" push "$work/data" "$data" --force
run_options=(--windows 4 --miners 2 --no-baseline --set data.outer_steps_per_shard=1)
localnet "$work/from-folder" --data "$work/data" "${run_options[@]}"
localnet "$work/from-bucket" --data "$data&access=public" "${run_options[@]}"
localnet "$work/from-processes" --data "$data" "${run_options[@]}" --processes
for run in from-bucket from-processes; do
  equal "the roots of a run $run" "$(window_roots "$work/from-folder")" "$(window_roots "$work/$run")"
done
complains "no manifest.json there" "$templar" localnet --data "s3://data-bucket/none?endpoint=$endpoint" --out "$work/none"
[ ! -e "$work/none" ] || fail "a run that could not begin left its folder behind"
grep -q "secret-key" "$work"/from-*.log && fail "a secret was printed"

say "an upload that is killed leaves the object as it was"
check "a first object" store put "$address" name "$work/credentials"
head -c 400000000 /dev/zero >"$work/huge"
"$templar" store put "$address" name "$work/huge" >"$work/killed.log" 2>&1 &
upload=$!
wait_for 30 "parts on their way" sh -c "in=\$(awk '/^rchar/ { print \$2 }' /proc/$upload/io); [ \"\$in\" -gt 100000000 ]"
kill -9 "$upload"; wait "$upload" 2>/dev/null
equal "the object's size" "$(wc -c <"$work/credentials")" "$(store ls "$address" name | awk '{ print $1 }')"

say "the next upload goes on with what the killed one has sent"
python3 "$s3_tools/counting_relay.py" "${endpoint##*:}" "$work/relay-port" "$work/requests" &
wait_for 20 "the relay" test -s "$work/relay-port"
check "put it again" store put "s3://open-bucket/a/prefix?endpoint=http://127.0.0.1:$(cat "$work/relay-port")" name "$work/huge"
parts=$(grep -c "PUT .*partNumber=" "$work/requests") all=$(((400000000 + (8 << 20) - 1) / (8 << 20)))
echo "$parts of $all parts were sent"
[ "$parts" -lt "$all" ] || fail "$parts of $all parts were sent by the second upload"
check "get it" store get "$address" name "$work/huge-back"
check "it is equal" cmp "$work/huge" "$work/huge-back"
equal "uploads in parts that are still open" 0 "$("$folder/s3_store" "$endpoint" count-uploads open-bucket)"

say "Ctrl-C ends an upload and leaves nothing of it"
"$templar" store put "$address" other "$work/huge" >"$work/stopped.log" 2>&1 &
upload=$!
wait_for 30 "parts on their way" sh -c "in=\$(awk '/^rchar/ { print \$2 }' /proc/$upload/io); [ \"\$in\" -gt 100000000 ]"
kill -INT "$upload"
wait "$upload"; equal "the exit code after Ctrl-C" 130 $?
equal "uploads in parts that are still open" 0 "$("$folder/s3_store" "$endpoint" count-uploads open-bucket)"
equal "objects of that name" 0 "$(store ls "$address" other | wc -l)"

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
