#!/usr/bin/env bash
# A validator of many miners who each have a bucket of their own: many-buckets.sh [BUILD] [MINERS] [WINDOWS]
# Starts a real S3 server on loopback (Ceph's radosgw, from Debian's packages; nothing is installed), registers so many miners (250) with
# the addresses of their buckets, and publishes for all of them in each window a contribution of made-up values
# (tests/integration/many_publishers.cc); one `templar validator` leads the run for so many windows (50) of six seconds by the machine's clock. Says
# what the validator took of processor, memory and descriptors. Each with PASS or MISSED; ends with 1 if one was missed, and with 0 and
# SKIPPED where the packages can't be had. Seven minutes.
set -eu
cd "$(dirname "$0")/.."
build=$(realpath "${1:-build/release}") miners=${2:-250} windows=${3:-50}
. tests/integration/common.sh "$build/templar"
. tests/integration/s3/server.sh
unset "${!AWS_@}" http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_ACCESS_KEY_ID=owner-access AWS_SECRET_ACCESS_KEY=owner-secret-key
{ cmake -DTEMPLAR_TESTS=ON "$build" && flock "$build" ninja -C "$build" many_publishers; } >"$work/build.log" 2>&1 ||
  { cat "$work/build.log" >&2; exit 1; }
missed=0
judge() {  # WHAT VALUE BAR
  local verdict=PASS
  awk -v v="$2" -v b="$3" 'BEGIN { exit !(v <= b) }' || { verdict=MISSED; missed=1; }
  printf '%-34s %8s (at most %s) %s\n' "$1" "$2" "$3" "$verdict"
}

open_radosgw
s3_user owner
in_ceph radosgw-admin user modify --uid=owner --max-buckets=0 >"$ceph_dir/user.log" 2>&1 || give_up "the owner may not have as many buckets"
small_data "$work/data"
for name in owner validator; do "$templar" key new "$work/$name.key" >"$work/$name.public"; done
# Windows of six seconds; the put window takes the first of the next one.
"$templar" run show tiny --set model.hidden_size=32 --set model.num_hidden_layers=1 --set model.intermediate_size=64 \
  --set inner.sequence_length=32 --set inner.batch_size=2 --set inner.steps=2 --set scoring.evaluation_samples=2 \
  --set network.block_seconds=2 --set network.blocks_per_window=3 --set network.put_window_seconds=1 --set network.sealed_uploads=false --set network.checkpoint_interval=10 \
  --set network.gather_peer_count=20 --set network.reserve_peer_count=10 --set network.allow_http_stores=true \
  --set network.allow_private_stores=true --set network.owner_keeps_time=true \
  --set network.owner="$(grep -o -E '[0-9a-f]{64}' "$work/owner.public" | head -n 1)" >"$work/spec.json"
tick() { while sleep 0.1; do echo; done; }
"$build/many_publishers" "$work/ledger.db" "$work/spec.json" "$work/data" "$endpoint" "$work/owner.key" "$work/validator.key" \
  "$miners" "$windows" < <(tick) >"$work/windows" 2>"$work/publishers.log" &
publishers=$!
wait_for 120 "the miners' buckets" grep -q ready "$work/windows" || { cat "$work/publishers.log" >&2; exit 1; }
"$templar" store make "s3://validator?endpoint=$endpoint" --public >/dev/null
"$templar" validator --spec "$work/spec.json" --data "$work/data" --ledger "$work/ledger.db" --key "$work/validator.key" --state "$work/state" \
  --metrics "$work/metrics.jsonl" --store "s3://validator?endpoint=$endpoint" --until-window "$windows" >"$work/validator.log" 2>&1 &
validator=$!

# The most there was of memory (KiB; of its own, mapped files not counted), descriptors and threads, and the processor's seconds.
watch_validator() {
  local most_own=0 most_files=0 most_threads=0 own threads files ticks=0 now
  while now=$(awk '{ print $14 + $15 }' "/proc/$validator/stat" 2>/dev/null); do
    ticks=${now:-$ticks}
    read -r own threads <<<"$(awk '/^RssAnon/ { a = $2 } /^Threads/ { t = $2 } END { print a + 0, t + 0 }' "/proc/$validator/status" 2>/dev/null)"
    files=$(ls "/proc/$validator/fd" 2>/dev/null | wc -l)
    [ "${own:-0}" -le "$most_own" ] || most_own=$own
    [ "$files" -le "$most_files" ] || most_files=$files
    [ "${threads:-0}" -le "$most_threads" ] || most_threads=$threads
    echo "$most_own $most_files $most_threads $ticks" >"$work/taken"
    sleep 0.2
  done
}
watch_validator &
watcher=$!
code=0; wait "$publishers" || code=$?
[ "$code" = 0 ] || { cat "$work/publishers.log" "$work/validator.log" >&2; give_up "the publishers ended with $code"; }
code=0; wait "$validator" || code=$?
[ "$code" = 0 ] || { tail -n 20 "$work/validator.log" >&2; give_up "the validator ended with $code"; }
wait "$watcher"

read -r own files threads ticks <"$work/taken"
whole=$((miners < 20 ? miners : 20))
followed=$(grep -c '"name":"validator_window_v2"' "$work/metrics.jsonl")
awk '$1 != "ready" { print $4 }' "$work/windows" | sort -n | awk '{ v[NR] = $1 } END { print "a record after the put window, s: median " v[int((NR + 1) / 2)] ", most " v[NR] }'
awk '$1 != "ready" { print $3 }' "$work/windows" | sort -n | awk -v m="$miners" '{ v[NR] = $1 } END { print m " miners published, s: median " v[int((NR + 1) / 2)] ", most " v[NR] }'
awk -v t="$ticks" -v h="$(getconf CLK_TCK)" -v w="$windows" 'BEGIN { printf "the validator: %.1f s of processor, %.0f ms a window\n", t / h, t / h / w * 1000 }'
judge "windows without a full record" "$((windows - $(awk -v n="$whole" '$2 == n' "$work/windows" | wc -l)))" 0
judge "windows that it did not judge" "$((windows - followed))" 0
judge "warnings in its log" "$(grep -c -E "warning|error" "$work/validator.log" || true)" 0
judge "its memory, own [MB]" "$((own * 1024 / 1000000))" 64
judge "its descriptors" "$files" 200
echo "its threads: $threads"
{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
exit "$missed"
