#!/usr/bin/env bash
# A network whose nodes share nothing, founded and joined as docs/operations.md says: its ledger on etcd with users, its data in a bucket, a
# bucket and keys of its own for each node, at real servers. network_apart_test.sh TEMPLAR
. "$(dirname "$0")/common.sh" "$@"
. "$(dirname "$0")/s3/server.sh"
. "$(dirname "$0")/etcd/server.sh"
unset "${!AWS_@}" http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
export AWS_CONFIG_FILE=$work/config AWS_SHARED_CREDENTIALS_FILE=$work/credentials
open_radosgw
open_etcd
for name in corpora validator miner; do
  s3_user "$name"
  printf '[%s]\naws_access_key_id = %s-access\naws_secret_access_key = %s-secret-key\n' "$name" "$name" "$name" >>"$work/credentials"
  check "the bucket of $name" env AWS_PROFILE="$name" "$templar" store make "s3://$name?endpoint=$endpoint" --public
done
small_data "$work/data"
check "data in a bucket" env AWS_PROFILE=corpora "$templar" data push "$work/data" "s3://corpora/first?endpoint=$endpoint"
printf 'root-pass-word\n' >"$work/root.password"
net=$work/net
check "founding" "$templar" network init "$net" --data "s3://corpora/first?endpoint=$endpoint&access=public" "${small[@]:0:14}" --set inner.steps=2 \
  --set network.blocks_per_window=3 --set network.block_seconds=1 --set network.put_window_seconds=2 --set network.allow_http_stores=true \
  --set network.allow_private_stores=true --ledger "etcd:http://$etcd_hosts/nets" --root-password-file "$work/root.password" || give_up "nothing to join"
# What goes to others is the join file alone, and to one of them its credentials.
mkdir "$work/there"; cp "$net/network.json" "$work/there"
status() { "$templar" network status "$1" --json >"$work/status.json" 2>"$work/status.err"; }
is_so() { status "$1"; [ $? != 1 ] && [ "$(python3 -c 'import json, sys; json = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$work/status.json" "$2")" = True ]; }
join() { # FOLDER ROLE OPTION...
  local folder=$1 role=$2; shift 2
  "$templar" network join "$work/there/network.json" --role "$role" --folder "$folder" --threads 1 "$@" >>"$work/$role.log" 2>&1 &
}
join "$net/validator" validator --store "s3://validator?endpoint=$endpoint" --store-profile validator
join "$work/there/miner" miner --store "s3://miner?endpoint=$endpoint" --store-profile miner
wait_for 30 "the wish for credentials" grep -q "templar network admit" "$work/miner.log" || cat "$work/miner.log" >&2
key=$("$templar" key show "$work/there/miner/node.key" | awk '/public key/ { print $NF }')
check "admission" "$templar" network admit "$key" --network "$net" --root-password-file "$work/root.password"
cp "$net/credentials"/node-"${key:0:32}".json "$work/there/miner/credentials.json.new"; mv "$work/there/miner/credentials.json"{.new,}
began=$SECONDS
wait_for 90 "both in sync" is_so "$net" 'len(json["nodes"]) == 2 and all(node["alive"] and node["in_sync"] for node in json["nodes"]) and json["decided_window"] >= 3' ||
  cat "$work"/{status.json,status.err,validator.log,miner.log} >&2
check "status for a node" "$templar" network status "$work/there/miner"
cat "$work/check.out"
echo "in sync $((SECONDS - began)) s after its admission"
say "an evaluator, which needs no store"
join "$work/there/evaluator" evaluator --until-window 1
wait_for 30 "its wish for credentials" grep -q "templar network admit" "$work/evaluator.log"
key=$("$templar" key show "$work/there/evaluator/node.key" | awk '/public key/ { print $NF }')
check "its admission" "$templar" network admit "$key" --role evaluator --network "$net" --root-password-file "$work/root.password"
cp "$net/credentials"/node-"${key:0:32}".json "$work/there/evaluator/credentials.json.new"; mv "$work/there/evaluator/credentials.json"{.new,}
wait_for 60 "an evaluation" grep -q '"benchmark_metrics"' "$work/there/evaluator/metrics.jsonl" || cat "$work/evaluator.log" >&2
grep -r -l -F -e "-secret-key" -e root-pass-word "$net" "$work/there" "$work"/*.log && fail "a secret was found there"

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
