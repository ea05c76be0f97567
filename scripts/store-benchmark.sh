#!/usr/bin/env bash
# Throughput of `templar store` beside rclone's, at the same server in the same run: store-benchmark.sh [TEMPLAR] [MIB]
# Starts Ceph's radosgw on loopback and fetches rclone, both from Debian's packages; nothing is installed. Each puts an object of so many
# MiB (1024), then each gets the object that ours has put: five times in turn after one that doesn't count (memory is new then, to the
# system too); the median counts. Hashing is part of it: ours signs each byte's SHA-256. Says PASS where ours is as fast; ends with 1 where
# it is not, and with 0 and SKIPPED where a package can't be had.
set -eu
templar=$(realpath "${1:-build/release/templar}") mib=${2:-1024}
cd "$(dirname "$0")/.."
. tests/integration/common.sh "$templar"
. tests/integration/s3/server.sh
rclone=$(scripts/install-servers.sh rclone 2>"$work/rclone.log")/rclone || { echo "SKIPPED: $(tail -n 1 "$work/rclone.log")"; exit 0; }
unset "${!AWS_@}" http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_ACCESS_KEY_ID=miner-access AWS_SECRET_ACCESS_KEY=miner-secret-key
open_radosgw
s3_user miner
address="s3://bench?endpoint=$endpoint"
"$templar" store make "$address" >/dev/null
cat >"$work/rclone.conf" <<CONF
[ceph]
type = s3
provider = Ceph
access_key_id = miner-access
secret_access_key = miner-secret-key
endpoint = $endpoint
CONF
head -c $((mib << 20)) /dev/urandom >"$work/object"

seconds_of() { # COMMAND...
  local began; began=$(date +%s.%N)
  "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; give_up "failed: $*"; }
  awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { printf "%.2f\n", b - a }'
}
flags=(--config "$work/rclone.conf" --s3-no-check-bucket --no-traverse --ignore-times)
rm -f "$work"/*.times
for round in 0 1 2 3 4 5; do
  seconds_of "$templar" store put "$address" ours "$work/object" >>"$work/ours-up.times"
  seconds_of "$rclone" copyto "${flags[@]}" "$work/object" ceph:bench/theirs >>"$work/rclone-up.times"
  rm -f "$work/back"; seconds_of "$templar" store get "$address" ours "$work/back" >>"$work/ours-down.times"
  cmp -s "$work/object" "$work/back" || give_up "what came back is not what was put"
  rm -f "$work/back"; seconds_of "$rclone" copyto "${flags[@]}" ceph:bench/ours "$work/back" >>"$work/rclone-down.times"
  [ "$round" -gt 0 ] || rm -f "$work"/*.times
done
missed=0
for way in up down; do
  ours=$(sort -n "$work/ours-$way.times" | sed -n 3p) theirs=$(sort -n "$work/rclone-$way.times" | sed -n 3p)
  verdict=$(awk -v o="$ours" -v t="$theirs" 'BEGIN { print (t / o >= 1 ? "PASS" : "MISSED") }')
  [ "$verdict" = PASS ] || missed=1
  awk -v w="$way" -v o="$ours" -v t="$theirs" -v m="$mib" -v v="$verdict" \
    'BEGIN { printf "%-4s  ours %.2f s (%.0f Mbit/s)  rclone %.2f s (%.0f Mbit/s)  ratio %.2f (at least 1) %s\n", w, o, m * 8.388608 / o, t, m * 8.388608 / t, t / o, v }'
done
{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
exit $missed
