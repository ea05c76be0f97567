#!/usr/bin/env bash
# The ledger on etcd at a real cluster of three servers: the contracts of notice boards and ledgers. etcd_test.sh TEMPLAR, of whose
# build folder it takes the program that tests.
. "$(dirname "$0")/common.sh" "$@"
. "$(dirname "$0")/etcd/server.sh"
folder=$(dirname "$templar")
flock "$folder" ninja -C "$folder" etcd_board >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; give_up "etcd_board was not built"; }
# Tokens that end, and say when.
openssl genrsa -out "$work/token.key" 2048 2>/dev/null && openssl rsa -in "$work/token.key" -pubout -out "$work/token.pub" 2>/dev/null ||
  give_up "no key to sign tokens with"
etcd_tokens="jwt,pub-key=$work/token.pub,priv-key=$work/token.key,sign-method=RS256,ttl=4s"
open_etcd

say "the contracts"
check "the contracts at a real cluster" timeout -k 5 120 "$folder/etcd_board" "$etcd_hosts"
grep "^\[  PASSED" "$work/check.out"

# complains WORDS COMMAND...: it fails, and says so.
complains() {
  local words=$1; shift
  "$@" >"$work/bad.out" 2>&1 && fail "succeeded: $*"
  grep -q -F -- "$words" "$work/bad.out" || { fail "not said: $words"; cat "$work/bad.out" >&2; }
}
small_data "$work/data"
network=("${small[@]}" --set inner.steps=$inner_steps --data "$work/data" --miners 2 --no-baseline --processes)
# on_etcd OUT PREFIX OPTION...: a localnet whose ledger is there.
on_etcd() { local out=$1 prefix=$2; shift 2; timeout -k 5 240 "$templar" localnet --out "$out" --ledger "etcd:http://$etcd_hosts/$prefix" "${network[@]}" "$@"; }
window_is_done() { grep -q "\"window\":$2[,}]" "$1/metrics/validator-0.jsonl"; }

say "the same network with its ledger in a file"
windows=24
check "a network on SQLite" timeout -k 5 240 "$templar" localnet --out "$work/sqlite" "${network[@]}" --windows $windows
equal "windows" $windows "$(window_roots "$work/sqlite" | wc -l)"

say "on etcd, whose servers are killed and whose history is compacted meanwhile"
on_etcd "$work/etcd-run" network --windows $windows >"$work/etcd-run.log" 2>&1 &
running=$!
wait_for 60 "window 4" window_is_done "$work/etcd-run" 4
follower=$((($(etcd_leader) + 1) % 3))
say "a server that does not lead is killed"
kill_etcd $follower
wait_for 60 "window 8" window_is_done "$work/etcd-run" 8
start_etcd $follower
wait_for 60 "the server's return" etcdctl endpoint health
say "the server that leads is killed"
leader=$(etcd_leader)
kill_etcd "$leader"
wait_for 60 "window 12" window_is_done "$work/etcd-run" 12
start_etcd "$leader"
wait_for 60 "the server's return" etcdctl endpoint health
say "the history is compacted"
for window in 14 16 18; do
  wait_for 60 "window $window" window_is_done "$work/etcd-run" $window
  revision=$(etcdctl endpoint status --write-out json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["Status"]["header"]["revision"])')
  check "compaction at $revision" etcdctl compact "$revision" --physical
done
wait "$running" || { fail "the network did not end well"; tail -n 30 "$work/etcd-run.log" >&2; }
roots_agree "$work/etcd-run"
equal "state roots on etcd and on SQLite" "$(window_roots "$work/sqlite")" "$(window_roots "$work/etcd-run")"

say "it resumes, there and nowhere else"
check "resumed" on_etcd "$work/etcd-run" network --windows $((windows + 2))
equal "windows" $((windows + 2)) "$(window_roots "$work/etcd-run" | wc -l)"
complains "the run's ledger is on etcd, below the prefix network" "$templar" localnet --out "$work/etcd-run" "${network[@]}" --windows 30
complains "a run of this spec is there already" on_etcd "$work/another" network --windows 3
[ ! -e "$work/another" ] || fail "a run that could not begin left its folder behind"

say "nodes that wait ask nothing"
mkdir -p "$work/idle"/{keys,store,state,metrics}
for name in owner validator miner; do "$templar" key new "$work/idle/keys/$name.key" >/dev/null; done
public_key() { "$templar" key show "$work/idle/keys/$1.key" | awk '/public key/ { print $NF }'; }
# Each window's work is done in its first second; then nothing happens for the rest of the first block.
"$templar" run show tiny "${small[@]:0:14}" --set inner.steps=2 --set network.block_seconds=60 --set "network.owner=$(public_key owner)" \
  >"$work/idle/spec.json"
idle_run=(--spec "$work/idle/spec.json" --ledger "etcd:http://$etcd_hosts/idle")
check "the validator's stake" "$templar" network stake "$(public_key validator)" 1 --founder "${idle_run[@]}" --key "$work/idle/keys/owner.key"
idle_pids=()
for role in validator miner; do
  "$templar" $role "${idle_run[@]}" --data "$work/data" --store "$work/idle/store" --key "$work/idle/keys/$role.key" \
    --state "$work/idle/state/$role" --metrics "$work/idle/metrics/$role.jsonl" >"$work/idle/$role.log" 2>&1 &
  idle_pids+=($!)
  wait_for 30 "the $role" grep -q -e "leads a new run" -e "in sync" "$work/idle/$role.log" || tail -n 5 "$work/idle/$role.log" >&2
done
wait_for 30 "a contribution" sh -c "ls $work/idle/store/*/contributions/*"
ledger_requests="Range|Txn|Watch|Authenticate"
sleep 5 # until all has been done that there was to do
before=$(etcd_requests $ledger_requests)
sleep 20
asked=$(($(etcd_requests $ledger_requests) - before))
echo "two nodes asked $asked times in 20 seconds"
# A stream each is opened anew every ten seconds: it may have died without a word.
[ "$asked" -le 8 ] || fail "two idle nodes have asked $asked times in 20 seconds"
kill "${idle_pids[@]}"; wait "${idle_pids[@]}"

say "users whose rights are apart, with tokens that end after four seconds"
check "a network without users" on_etcd "$work/guarded" guarded --windows 3
run_digits=$("$templar" ledger show --json --spec "$work/guarded/run_spec.json" --ledger "etcd:http://$etcd_hosts/guarded" |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["run_id"][:16])')
run=guarded/$run_digits
mkdir "$work/passwords"
# user NAME: one that may read everything of the run, and nothing else yet.
user() {
  printf '%s-pass-word\n' "$1" >"$work/passwords/$1"
  { etcdctl user add "$1:$1-pass-word" && etcdctl role add "$1" && etcdctl user grant-role "$1" "$1" && etcdctl role grant-permission --prefix "$1" read "$run/"; } >/dev/null
}
may_write() { etcdctl role grant-permission "$1" readwrite "$run/$2" >/dev/null; }              # NAME KEY
may_write_all() { etcdctl role grant-permission --prefix "$1" readwrite "$run/$2" >/dev/null; } # NAME PREFIX
for name in localnet validator-0 miner-1 miner-2 evaluator; do user $name; done
# The owner of the localnet, who also registers its nodes and keeps its time.
may_write_all localnet ""
may_write validator-0 nodes/0000000000; may_write validator-0 starts/0000000000; may_write validator-0 weights/0000000000; may_write validator-0 heartbeats/0000000000
for shared in terms/ decisions/ timekeepers/ blocks/; do may_write_all validator-0 $shared; done
for uid in 1 2; do may_write miner-$uid nodes/000000000$uid; may_write miner-$uid starts/000000000$uid; done
{ etcdctl user add root:root-pass-word && etcdctl role add root && etcdctl user grant-role root root && etcdctl auth enable; } >/dev/null
users="?user={node}&password-file=$work/passwords/{node}"
guarded_since=$SECONDS
on_etcd "$work/guarded" "guarded$users" --windows 14 >"$work/guarded.log" 2>&1 &
running=$!
wait_for 60 "window 4" window_is_done "$work/guarded" 4
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' >"$work/command-lines"
wait "$running" || { fail "the network with users did not end well"; tail -n 30 "$work/guarded.log" >&2; }
roots_agree "$work/guarded"
equal "state roots with users" "$(window_roots "$work/sqlite" | sort -n | head -n 14)" "$(window_roots "$work/guarded" | sort -n)"
echo "$(etcd_requests Authenticate) tokens were fetched in $((SECONDS - guarded_since)) seconds"
[ $((SECONDS - guarded_since)) -gt 5 ] || fail "the network has ended before its first tokens did"

# put USER KEY: whether that user may write there; what is there is put back.
put() { etcdctl --user "$1:$1-pass-word" put "$run/$2" rubbish; }
block=$(printf '%010d' 5)
foreign_to_all=(standings/0000 amendments/0000000001 ended/0000000000 nodes/0000000009 starts/0000000009 weights/0000000009 heartbeats/0000000009)
foreign_to_miners=(nodes/0000000000 nodes/0000000002 starts/0000000000 starts/0000000002 weights/0000000000 weights/0000000001 heartbeats/0000000000 heartbeats/0000000001
  terms/0000000000 terms/0000000001 decisions/0000000001/0000000000 timekeepers/0000000000 timekeepers/0000000001 "blocks/$block")
tried=0
refused() { # USER KEY
  put "$1" "$2" >"$work/put.out" 2>&1 && fail "$1 may write $2"
  grep -q "permission denied" "$work/put.out" || { fail "$1 and $2: not said: permission denied"; cat "$work/put.out" >&2; }
  tried=$((tried + 1))
}
for key in "${foreign_to_all[@]}"; do for name in miner-1 miner-2 validator-0 evaluator; do refused $name "$key"; done; done
for key in "${foreign_to_miners[@]}"; do for name in miner-1 evaluator; do refused $name "$key"; done; done
for key in nodes/0000000001 nodes/0000000002 weights/0000000001 heartbeats/0000000001; do refused validator-0 "$key"; done
refused evaluator nodes/0000000001
refused miner-2 nodes/0000000001
refused miner-2 starts/0000000001
for name in miner-1 evaluator; do
  etcdctl --user "$name:$name-pass-word" put "elsewhere/x" y >"$work/put.out" 2>&1 && fail "$name may write outside of the run"
  etcdctl --user "$name:$name-pass-word" del "$run/" --prefix >"$work/put.out" 2>&1 && fail "$name may delete the run"
  etcdctl --user "$name:$name-pass-word" user list >"$work/put.out" 2>&1 && fail "$name may see who the users are"
done
echo "$tried writes to foreign keys were refused"

say "what is wrong is said"
show() { "$templar" ledger show --spec "$work/guarded/run_spec.json" --ledger "$1"; }
check "the ledger for who may read" show "etcd:http://$etcd_hosts/guarded?user=evaluator&password-file=$work/passwords/evaluator"
grep -q "^keys on etcd begin with $run/" "$work/check.out" || fail "not said where the keys are: $(cat "$work/check.out")"
check "the password from the environment" env TEMPLAR_ETCD_PASSWORD=evaluator-pass-word "$templar" ledger show --spec "$work/guarded/run_spec.json" \
  --ledger "etcd:http://$etcd_hosts/guarded?user=evaluator"
complains "write user=NAME into the address" show "etcd:http://$etcd_hosts/guarded"
complains "set TEMPLAR_ETCD_PASSWORD" show "etcd:http://$etcd_hosts/guarded?user=evaluator"
complains "there is no user nobody, or its password is another one" env TEMPLAR_ETCD_PASSWORD=other-pass-word \
  "$templar" ledger show --spec "$work/guarded/run_spec.json" --ledger "etcd:http://$etcd_hosts/guarded?user=nobody"
complains "the user miner-1 may not do this" show "etcd:http://$etcd_hosts/elsewhere?user=miner-1&password-file=$work/passwords/miner-1"
complains "$run/standings/" "$templar" network stake 0 5 --spec "$work/guarded/run_spec.json" --key "$work/guarded/keys/owner.key" \
  --ledger "etcd:http://$etcd_hosts/guarded?user=miner-1&password-file=$work/passwords/miner-1"
complains "a password never part of it" show "etcd:http://evaluator:evaluator-pass-word@$etcd_hosts/guarded"
grep -r -l -F -e "-pass-word" "$work/guarded" "$work/guarded.log" "$work/command-lines" "$work/bad.out" && fail "a password was found there"

say "a server with a certificate"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout "$work/tls.key" -out "$work/tls.pem" -subj /CN=test -addext subjectAltName=IP:127.0.0.1 2>/dev/null
read -r tls_port tls_peer < <(python3 -c 'import socket; s = [socket.create_server(("127.0.0.1", 0)) for _ in "ab"]; print(*[x.getsockname()[1] for x in s])')
"$servers/etcd" --name tls --data-dir "$etcd_dir/tls" --logger zap --log-level warn --cert-file "$work/tls.pem" --key-file "$work/tls.key" \
  --listen-client-urls "https://127.0.0.1:$tls_port" --advertise-client-urls "https://127.0.0.1:$tls_port" --listen-peer-urls "http://127.0.0.1:$tls_peer" \
  --initial-advertise-peer-urls "http://127.0.0.1:$tls_peer" --initial-cluster "tls=http://127.0.0.1:$tls_peer" >"$etcd_dir/tls.log" 2>&1 &
tls=etcd:https://127.0.0.1:$tls_port/secured
wait_for 30 "the server's start" show "$tls?ca-file=$work/tls.pem" || tail -n 5 "$etcd_dir/tls.log" >&2
check "a network over TLS" timeout -k 5 120 "$templar" localnet --out "$work/tls" --ledger "$tls?ca-file=$work/tls.pem" "${network[@]}" --windows 3
equal "state roots over TLS" "$(window_roots "$work/sqlite" | sort -n | head -n 3)" "$(window_roots "$work/tls" | sort -n)"
complains "ca-file=FILE in its address" show "$tls"
complains "does it want https:// in the address?" show "etcd:http://127.0.0.1:$tls_port/secured"

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
