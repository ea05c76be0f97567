#!/usr/bin/env bash
# How often nodes ask their stores, counted at the server: s3_requests_test.sh TEMPLAR [WINDOW_SECONDS]
# A network of processes over S3 whose windows (20 s, or as told) are long compared with its work. While the localnet stands still, which
# makes the blocks, the nodes wait for blocks; while the validator does, they wait for its decision. What others decide stands on the ledger,
# so of all nodes only the evaluator asks a store meanwhile, for the next checkpoint. Each wait lasts as long as a window, and no node may
# send more than 40 requests in it.
. "$(dirname "$0")/common.sh" "$@"
. "$(dirname "$0")/s3/server.sh"
unset "${!AWS_@}" http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
export AWS_CONFIG_FILE=$work/config AWS_SHARED_CREDENTIALS_FILE=$work/credentials
window=${2:-20} most=40

open_radosgw
python3 "$s3_tools/counting_relay.py" "${endpoint##*:}" "$work/relay-port" "$work/requests" &
wait_for 20 "the relay" test -s "$work/relay-port" || exit 1
endpoint=http://127.0.0.1:$(cat "$work/relay-port")
for node in validator-0 miner-1 miner-2; do
  s3_user "$node"
  printf '[%s]\naws_access_key_id = %s-access\naws_secret_access_key = %s-secret-key\n' "$node" "$node" "$node" >>"$work/credentials"
  check "the bucket of $node" env AWS_PROFILE="$node" "$templar" store make "s3://run-$node?endpoint=$endpoint" --public
done
small_data "$work/data"
"$templar" localnet --out "$work/run" "${small[@]}" --set inner.steps=2 --data "$work/data" --miners 2 --no-baseline --processes \
  --set network.block_seconds=$((window / 4)) --set network.blocks_per_window=4 --set network.put_window_seconds=4 \
  --set network.leader_loss_windows=10 --set network.allow_http_stores=true --set network.allow_private_stores=true --windows 7 \
  --store "s3://run-{node}?endpoint=$endpoint" --store-profile '{node}' >"$work/run.log" 2>&1 &
localnet=$!

now() { python3 -c 'import time; print(f"{time.monotonic():.3f}")'; }
pid_of() { if [ "$1" = localnet ]; then echo "$localnet"; else cat "$work/run/state/$1/pid"; fi; }
# requests FROM TO NODE: what the node sent between these moments.
requests() { awk -v a="$1" -v b="$2" -v p="$(pid_of "$3")" '$1 >= a && $1 < b && $2 == p' "$work/requests"; }
has_put() { # NODE FOLDER NUMBER: the upload of the object, or of one in the folder of that name, has reached the server
  grep -q "PUT /run-$1/node-[0-9a-f]*/$2/$(printf %010d "$3")[ /]" <(sed 's/$/ /' "$work/requests")
}
decided() { # WINDOW
  "$templar" ledger show --spec "$work/run/run_spec.json" --ledger "$work/run/ledger.db" --json | python3 -c 'import json, sys; sys.exit((json.load(sys.stdin)["decided_window"] or -1) < int(sys.argv[1]))' "$1"
}
# wait_without NODE WHAT OTHERS...: NODE, which is stopped, goes on after a window's time; judges what each of the others asked meanwhile.
wait_without() {
  local still=$1 what=$2 from to node count; shift 2
  from=$(now); sleep "$window"; to=$(now)
  kill -CONT "$(pid_of "$still")"
  for node in "$@"; do
    count=$(requests "$from" "$to" "$node" | wc -l)
    echo "$what: $node sent $count requests in $window s"
    # An evaluator that asks nothing does not wait as it should.
    [ "$count" -le "$most" ] && { [ "$node" != evaluator ] || [ "$count" -ge 8 ]; } || {
      fail "$what: $node sent $count requests"
      requests "$from" "$to" "$node" | head -n 60 >&2
    }
  done
}

say "no block is made"
wait_for 60 "the copies of window 0" has_put validator-0 accepted 0 || { cat "$work/run.log"; exit 1; }
stand_still "$work/run/ledger.db" "$localnet"
sleep 4  # what they have yet to do
wait_without localnet "waiting for blocks" miner-1 miner-2 validator-0 evaluator
say "the validator stands still"
# Not before its decision is there: who waited for that would not contribute to the next window.
wait_for 90 "the decision of window 2" decided 2 || { cat "$work/run.log"; exit 1; }
stand_still "$work/run/ledger.db" "$(pid_of validator-0)"
wait_for 60 "contributions to the window after it" has_put miner-1 contributions 3
sleep 6  # whoever waits for a put window does no more
has_put miner-1 contributions 4 && fail "miner-1 did not wait for the decision of window 3"
wait_without validator-0 "waiting for the decision" miner-1 miner-2 evaluator
# 3: an alarm stands. While the validator stood still windows passed that nobody could train in.
code=0; wait "$localnet" || code=$?
[ "$code" = 0 ] || [ "$code" = 3 ] || { fail "the network ended with an error"; tail -n 20 "$work/run.log" >&2; }
roots_agree "$work/run"
windows=$(window_roots "$work/run" | wc -l)
for node in miner-1 miner-2 validator-0 evaluator localnet; do
  awk -v n="$node" -v w="$windows" -v p="$(pid_of "$node")" '$2 == p { ++all; ++by[$3] }
    END { printf "all in all: %s sent %.1f requests a window (", n, all / w; for (m in by) printf " %s %.1f", m, by[m] / w; print " )" }' "$work/requests"
done
equal "requests of processes that are not known" 0 "$(awk '$2 == "?"' "$work/requests" | wc -l)"

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
