#!/usr/bin/env bash
# A network whose nodes share nothing but the ledger: network-demo.sh [--windows N] [--templar FILE] [--out FOLDER]
# Starts a real S3 server on loopback (Ceph's radosgw, from Debian's packages; nothing is installed). Four miners and a validator, processes
# all, each write to a bucket of their own with keys of their own, and read each other's as everybody may; an evaluator reads. The data too
# comes from a bucket. Then the same network trains over files: its state roots must be the same in each window. At last it looks for the
# secrets in everything that the runs have left, and in the command lines of their processes. About five minutes for 20 windows.
# Ends with 0 where all is as it must be, and stops what it has started.
set -eu
cd "$(dirname "$0")/.."
windows=20 templar=build/release/templar out=""
while [ $# -gt 0 ]; do
  case $1 in
    --windows) windows=$2; shift 2 ;;
    --templar) templar=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    *) sed -n '2,8s/^# //p' "$0"; exit 2 ;;
  esac
done
[ -x "$templar" ] || scripts/build.sh release templar
. tests/integration/common.sh "$templar"
. tests/integration/s3/server.sh
unset "${!AWS_@}" http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
export AWS_CONFIG_FILE=$work/config AWS_SHARED_CREDENTIALS_FILE=$work/credentials
: "${out:=$work}"; mkdir -p "$out"

say "an S3 server, and a user and a bucket for each node"
open_radosgw
for node in validator-0 miner-{1..4} owner; do
  s3_user "$node"
  printf '[%s]\naws_access_key_id = %s-access\naws_secret_access_key = %s-secret-key\n' "$node" "$node" "$node" >>"$work/credentials"
  check "the bucket of $node" env AWS_PROFILE="$node" "$templar" store make "s3://run-$node?endpoint=$endpoint" --public
done
echo "$endpoint"

say "the text becomes a data set, which goes into the owner's bucket"
check "prepared" "$templar" data prepare /usr/include/linux /usr/include/asm-generic /usr/include/c++ --extensions h,hpp,hh,tcc \
  --sequence-length 128 --out "$work/data"
check "pushed" env AWS_PROFILE=owner "$templar" data push "$work/data" "s3://run-owner/data?endpoint=$endpoint"

# The same run spec in both: what addresses may be, and a put window in real time, are part of it.
network=(--windows "$windows" --no-baseline --processes --set network.put_window_seconds=2 --set network.allow_http_stores=true
  --set network.allow_private_stores=true)
# Command lines of all processes, now and then, for the search at the end.
watch_command_lines() { while sleep 1; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' >>"$work/command-lines" || true; done; }
watch_command_lines & watcher=$!

say "four miners, a validator, an evaluator over S3: $windows windows"
"$templar" localnet "${network[@]}" --out "$out/over-s3" --data "s3://run-owner/data?endpoint=$endpoint&access=public" \
  --store "s3://run-{node}?endpoint=$endpoint" --store-profile '{node}' || give_up "the network over S3 failed"
say "the same over files"
"$templar" localnet "${network[@]}" --out "$out/over-files" --data "$work/data" || give_up "the network over files failed"
kill "$watcher"

say "compared"
equal "state roots over S3 and over files" "$(window_roots "$out/over-files")" "$(window_roots "$out/over-s3")"
equal "windows" "$windows" "$(window_roots "$out/over-s3" | wc -l)"
equal "objects outside of buckets" 0 "$(find "$out/over-s3/store" -type f | wc -l)"
for run in over-files over-s3; do
  echo "$run: held-out loss $(field "$out/$run/summary.json" heldout_loss_last), $(field "$out/$run/summary.json" train_seconds) s"
done
du -sh "$out"/over-s3/state/*/data* 2>/dev/null || true
[ -s "$work/command-lines" ] || fail "no command line was seen"
if grep -r -l -F -e "-secret-key" "$out/over-s3" "$work/command-lines"; then fail "a secret was found there"; else echo "no secret in what is left"; fi

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
