#!/usr/bin/env bash
# A network founded with one command and joined with one: on this machine's disk, and on a real etcd whose users can write their own keys
# alone. network_test.sh TEMPLAR
. "$(dirname "$0")/common.sh" "$@"
small_data "$work/data"
# A window in three seconds.
quick=("${small[@]:0:14}" --set inner.steps=$inner_steps --set network.blocks_per_window=3 --set network.block_seconds=1 --set network.put_window_seconds=2)

# refuses WORDS COMMAND...: it fails with exit code 1, and says so.
refuses() {
  local words=$1 code=0; shift
  "$@" >"$work/bad.out" 2>&1 || code=$?
  [ "$code" = 1 ] || fail "exit code $code: $*"
  grep -q -F -- "$words" "$work/bad.out" || { fail "not said: $words"; cat "$work/bad.out" >&2; }
}
# value FILE EXPRESSION: of a JSON file, "json" in the expression being its content.
value() { python3 -c 'import json, sys; json = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }
# status PLACE: into status.json; its exit code.
status() { "$templar" network status "$1" --json >"$work/status.json" 2>"$work/status.err"; }
# is_so PLACE EXPRESSION: whether the network's status says so; status 3 (an alarm stands) is one, too.
is_so() { status "$1"; [ $? != 1 ] && [ "$(value "$work/status.json" "$2")" = True ]; }
all_in_sync='len(json["nodes"]) == 3 and all(node["alive"] and node["in_sync"] for node in json["nodes"]) and json["decided_window"] >= 3'
# join NAME FILE ROLE OPTION...: a node that goes on in the background; its log is NAME.log, its folder NAME.
join() {
  local name=$1 file=$2 role=$3; shift 3
  "$templar" network join "$file" --role "$role" --folder "$work/$name" --threads 1 "$@" >>"$work/$name.log" 2>&1 &
  node_pids[$name]=$!
}
# leave NAME: Ctrl-C, to which it ends cleanly.
leave() {
  local code=0
  kill -INT "${node_pids[$1]}"; wait "${node_pids[$1]}" || code=$?
  equal "exit code of $1" 130 "$code"
}
declare -A node_pids
key_of() { "$templar" key show "$1" | awk '/public key/ { print $NF }'; }

say "a network on one machine"
net=$work/net
refuses "--data: $work/nowhere" "$templar" network init "$net" --data "$work/nowhere"
refuses "inner.steeps" "$templar" network init "$net" --set inner.steeps=2
refuses "names the owner" "$templar" network init "$net" --set "network.owner=$(printf 'ab%.0s' {1..32})"
[ ! -e "$net" ] || fail "a refused call has made $(ls -A "$net")"
check "founding" "$templar" network init "$net" --data "$work/data" --store "$work/store" "${quick[@]}" || give_up "nothing to join"
for said in "made.*owner's key" "made.*ledger" "made.*join file" "network join .* --role validator" "Keep a copy of"; do
  grep -q -- "$said" "$work/check.out" || fail "not said: $said"
done
sha256sum "$net"/{owner.key,run_spec.json,network.json,validator/node.key} >"$work/sums"
check "founding once more" "$templar" network init "$net"
grep -q "^made" "$work/check.out" && { fail "made again:"; grep "^made" "$work/check.out" >&2; }
check "what there is, for scripts" "$templar" network init "$net" --json
equal "things that are new" "[] True" "$(value "$work/check.out" '[thing["what"] for thing in json["things"] if thing["new"]]') $(value "$work/check.out" 'len(json["things"]) >= 6')"
check "nothing was overwritten" sha256sum --quiet -c "$work/sums"
refuses "is of another run" "$templar" network init "$net" --spec tiny --set inner.steps=9
refuses "names the owner" "$templar" network init "$net" --set "network.owner=$(printf 'ab%.0s' {1..32})"
refuses "a run's ledger never moves" "$templar" network init "$net" --ledger "$work/elsewhere.db"
check "other data" "$templar" data prepare "$0" --sequence-length 32 --held-out-samples 2 --out "$work/other-data"
refuses "name the data set that the run was started with" "$templar" network init "$net" --data "$work/other-data"
refuses "inner.sequence_length is 128" "$templar" network init "$work/unfit" --data "$work/data"
grep -q -F "$(cat "$net/owner.key")" "$net/network.json" && fail "the owner's secret is in the join file"
equal "what status says of who has not come" "1.0" "$(status "$net"; value "$work/status.json" 'json["awaited"][0]["stake"]')"

join net/validator "$net/network.json" validator
wait_for 60 "the validator's registration" is_so "$net" 'len(json["nodes"]) == 1'
join miner-1 "$net/network.json" miner
join miner-2 "$net" miner
wait_for 60 "all in sync" is_so "$net" "$all_in_sync" || { cat "$work/status.json" "$work"/{net/validator,miner-1}.log >&2;  give_up "no network"; }
status "$net"; equal "status of a healthy network" 0 $?
equal "versions" True "$(value "$work/status.json" 'all(node["software"].startswith("templar ") and node["newest_protocol"] == 2 for node in json["nodes"])')"
equal "verdicts" True "$(value "$work/status.json" 'all(node["verdict"]["name"] == "accepted" for node in json["nodes"] if node["role"] == "miner")')"
check "status as text" "$templar" network status "$work/miner-1"
grep -q "leads term 0" "$work/check.out" || fail "the text does not say who leads"

say "what the owner says"
for uid in 1 2; do [ "$(value "$work/status.json" "json['nodes'][$uid]['key']")" = "$(key_of "$work/miner-2/node.key")" ] && second=$uid; done
check "stake" "$templar" network stake 0 2.5 --network "$net" --json
equal "the stake" "2.5 True" "$(value "$work/check.out" 'str(json["stake"]) + " " + str(json["founder"])')"
check "removal" "$templar" network remove "$second" --network "$net"
wait_for 30 "the removal" is_so "$net" "json['nodes'][$second]['removed']"
leave miner-2
refuses "The owner has removed this node" "$templar" network join "$net" --folder "$work/miner-2" --no-wait
join miner-2 "$net" miner
wait_for 30 "its waiting" grep -q "Waiting for it" "$work/miner-2.log"
check "admission" "$templar" network admit "$second" --network "$net"
wait_for 60 "its return" is_so "$net" "$all_in_sync and not json['nodes'][$second]['removed']" || cat "$work/miner-2.log" >&2
refuses "is not the run's owner" "$templar" network stake 0 1 --network "$net" --key "$work/miner-1/node.key"
refuses "neither a uid on the ledger nor a public key" "$templar" network remove 77 --network "$net"
refuses "there is no term 7" "$templar" network end-term 7 --network "$net"

say "an end, and going on"
for name in miner-1 miner-2 net/validator; do leave $name; done
window=$(status "$net"; value "$work/status.json" 'json["decided_window"]')
join net/validator "$net/network.json" validator
join miner-1 "$net/network.json" miner
join miner-2 "$net" miner
wait_for 60 "windows after the return" is_so "$net" "$all_in_sync and json['decided_window'] > $window + 2" || cat "$work/status.json" >&2
say "a leader that is gone is an alarm"
kill -9 "${node_pids[net/validator]}"; wait "${node_pids[net/validator]}" 2>/dev/null
wait_for 60 "the alarm" is_so "$net" 'any(alarm["kind"] in ("no_blocks", "nobody_leads") for alarm in json["alarms"])'
status "$net"; equal "status of a network without leader" 3 $?
for name in miner-1 miner-2; do leave $name; done
refuses "is wanted: a place of this node's own" sh -c "sed 's|\"store\": \"[^\"]*\"|\"store\": \"\"|' '$net/network.json' >'$net/other.json'; '$templar' network join '$net/other.json' --folder '$work/other' --data '$work/data'"
refuses "install templar 9.0" sh -c "sed 's|\(est_protocol\": \)[12]|\17|; s|templar 0[^\"]*|templar 9.0|' '$net/network.json' >'$net/later.json'; '$templar' network join '$net/later.json' --folder '$work/later'"
refuses "it was changed" sh -c "sed 's|\"seed\": [0-9]*|\"seed\": 987|' '$net/network.json' >'$net/changed.json'; '$templar' network join '$net/changed.json' --folder '$work/changed'"
refuses "change it there" "$templar" network join "$net" --folder "$work/miner-1" --store "$work/another"
refuses "give --role miner" "$templar" network join "$net" --role evaluator --folder "$work/miner-1"
check "a service" "$templar" network join "$net" --folder "$work/miner-1" --service --skip-checks
grep -q "systemctl enable --now" "$work/check.out" || fail "not said how the service is started"
unit=$(ls "$work"/miner-1/*.service)
grep -q '@[A-Z]*@' "$unit" && fail "words of the unit were left open"
if command -v systemd-analyze >/dev/null; then check "the unit" systemd-analyze verify --man=no "$unit"; fi

say "a network on etcd, whose users have rights of their own"
[ "$failures" = 0 ] || finish # where etcd can't be had the test ends there
. "$(dirname "$0")/etcd/server.sh"
open_etcd
printf 'root-pass-word\n' >"$work/root.password"; chmod 600 "$work/root.password"
net=$work/etcd-net
check "founding on etcd" "$templar" network init "$net" --data "$work/data" --store "$work/etcd-store" "${quick[@]}" \
  --ledger "etcd:http://$etcd_hosts/nets" --root-password-file "$work/root.password"
cp "$work/check.out" "$work/init.out"
check "founding on etcd once more" "$templar" network init "$net" --root-password-file "$work/root.password"
grep -q "^made" "$work/check.out" && { fail "made again:"; grep "^made" "$work/check.out" >&2; }
join etcd-net/validator "$net/network.json" validator
join etcd-miner "$net/network.json" miner
wait_for 30 "the wish for credentials" grep -q "templar network admit" "$work/etcd-miner.log" || cat "$work/etcd-miner.log" >&2
key=$(key_of "$work/etcd-miner/node.key")
check "admission with a user" "$templar" network admit "$key" --network "$net" --root-password-file "$work/root.password" --json
credentials=$(value "$work/check.out" 'json["credentials"]')
equal "who may read the credentials" 600 "$(stat -c %a "$credentials")"
refuses "--root-password-file FILE is wanted" "$templar" network admit "$key" --network "$net"
cp "$credentials" "$work/etcd-miner/credentials.json"
wait_for 60 "both in sync" is_so "$net" 'len(json["nodes"]) == 2 and all(node["alive"] and node["in_sync"] for node in json["nodes"]) and json["decided_window"] >= 2' ||
  cat "$work/status.json" "$work/status.err" "$work"/{etcd-net/validator,etcd-miner}.log >&2
check "status for a node" "$templar" network status "$work/etcd-miner"
refuses "has users: name the folder of a node" sh -c "mkdir '$work/nobody'; cp '$net/network.json' '$work/nobody'; '$templar' network status '$work/nobody'"
# Each possible write of another's is refused.
user=$(value "$credentials" 'json["user"]'); password=$(value "$credentials" 'json["password"]'); uid=$(value "$credentials" 'json["uid"]')
digits=$(value "$net/network.json" 'json["run_id"][:16]')
own=$(printf '%010d' "$uid")
tried=0
for key in nodes/0000000000 nodes/0000000009 starts/0000000000 weights/0000000000 "weights/$own" heartbeats/0000000000 "heartbeats/$own" standings/0000 amendments/0000000001 \
  terms/0000000000 ended/0000000000 decisions/0000000001/0000000000 timekeepers/0000000000 blocks/0000000001 elsewhere; do
  etcdctl --user "$user:$password" put "nets/$digits/$key" rubbish >"$work/put.out" 2>&1 && fail "a miner may write $key"
  grep -q "permission denied" "$work/put.out" || { fail "$key: not said: permission denied"; cat "$work/put.out" >&2; }
  tried=$((tried + 1))
done
etcdctl --user "$user:$password" user list >"$work/put.out" 2>&1 && fail "a miner may see who the users are"
echo "$tried writes to foreign keys were refused"
check "removal with its user" "$templar" network remove "$uid" --network "$net" --root-password-file "$work/root.password"
etcdctl --user "$user:$password" get "nets/$digits/nodes/$own" >"$work/put.out" 2>&1 && fail "a node that was removed may still read"
grep -r -l -F -e root-pass-word -e "$password" "$net/network.json" "$work"/*.log "$work/init.out" && fail "a password was found there"
kill -9 "${node_pids[etcd-net/validator]}" "${node_pids[etcd-miner]}" 2>/dev/null; wait "${node_pids[etcd-net/validator]}" 2>/dev/null

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
