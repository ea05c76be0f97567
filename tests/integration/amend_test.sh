#!/usr/bin/env bash
# The owner amends the run spec of a network of processes: learning rate, top-k, peers, scoring and the outer rate change at a window without a
# restart; a miner that joins later and one that was away over the change have the others' roots. amend_test.sh TEMPLAR
. "$(dirname "$0")/common.sh" "$@"
small_data "$work/data"
# A window in four seconds; peer lists hold for two windows.
quick=("${small[@]:0:14}" --set inner.steps=2 --set network.blocks_per_window=4 --set network.block_seconds=1 --set network.put_window_seconds=2
  --set network.gather_peer_count=3 --set network.peer_replacement_frequency=2 --set network.peer_list_window_margin=1
  --set network.contribution_retention_windows=100)
net=$work/net
declare -A node_pids

value() { python3 -c 'import json, sys; json = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }
status() { "$templar" network status "$net" --json >"$work/status.json" 2>"$work/status.err"; }
# is_so EXPRESSION: whether the network's status says so; status 3 (an alarm stands) is one, too.
is_so() { status; [ $? != 1 ] && [ "$(value "$work/status.json" "$1")" = True ]; }
join() { # NAME ROLE
  "$templar" network join "$net" --role "$2" --folder "$work/$1" --threads 1 --no-wait >>"$work/$1.log" 2>&1 &
  node_pids[$1]=$!
}
leave() { # NAME
  local code=0
  kill -INT "${node_pids[$1]}"; wait "${node_pids[$1]}" || code=$?
  equal "exit code of $1" 130 "$code"
}
refuses() { # WORDS COMMAND...
  local words=$1 code=0; shift
  "$@" >"$work/bad.out" 2>&1 || code=$?
  [ "$code" = 1 ] || fail "exit code $code: $*"
  grep -q -F -- "$words" "$work/bad.out" || { fail "not said: $words"; cat "$work/bad.out" >&2; }
}
decided() { is_so "(json['decided_window'] or 0) >= $1"; }

say "a network of one validator and three miners"
check "founding" "$templar" network init "$net" --data "$work/data" --store "$work/store" "${quick[@]}" || give_up "no network"
join net/validator validator
wait_for 30 "the validator's registration" is_so 'len(json["nodes"]) == 1' || cat "$work/net/validator.log" >&2
for name in miner-1 miner-2 miner-3; do join $name miner; done
wait_for 60 "all in sync" is_so 'len(json["nodes"]) == 4 and all(node["alive"] and node["in_sync"] for node in json["nodes"]) and json["decided_window"] >= 2' ||
  { cat "$work/status.json" "$work"/{net/validator,miner-1}.log >&2; give_up "no network"; }

say "what can't be is refused with what to do"
refuses "model.hidden_size: can't be amended" "$templar" network amend --set model.hidden_size=8 --from next --network "$net"
refuses "unknown field; \`templar run fields\`" "$templar" network amend --set inner.lr=8 --from next --network "$net"
refuses "is the earliest (--from next)" "$templar" network amend --set codec.topk=16 --from 1 --network "$net"
refuses "is that meant?" "$templar" network amend --set codec.topk=16 --from 81200 --network "$net"
refuses "is not the run's owner" "$templar" network amend --set codec.topk=16 --from next --network "$net" --key "$work/miner-1/node.key"

say "a change while one miner is away"
leave miner-3
check "the amendment" "$templar" network amend --network "$net" --from next --json --set inner.learning_rate=0.002 --set inner.warmup_steps=0 --set codec.topk=8 \
  --set network.gather_peer_count=2 --set network.reserve_peer_count=1 --set scoring.uids_per_window=1 --set outer.learning_rate=0.3
first=$(value "$work/check.out" 'json["first_window"]')
# Once more: the same word makes no second amendment.
refuses "already at that window" "$templar" network amend --network "$net" --from "$((first + 2))" --set codec.topk=8
status; equal "what status says" "1 [1] $first" "$(value "$work/status.json" 'str(len(json["amendments"])) + " " + str([one["number"] for one in json["amendments"]]) + " " + str(json["amendments"][0]["first_window"])')"
wait_for 60 "windows by the new numbers" decided $((first + 2)) || cat "$work/net/validator.log" >&2
join miner-3 miner
join miner-4 miner
enough=$((first + 7))
# Two are gathered of four: who is not asked has no verdict, and nobody can tell whether it is in sync.
wait_for 90 "all five, and none out of sync" is_so \
  "len(json['nodes']) == 5 and all(node['alive'] and node['in_sync'] is not False for node in json['nodes']) and json['decided_window'] >= $enough" ||
  cat "$work/status.json" "$work"/{miner-3,miner-4}.log >&2
# 3: an alarm stands, on a busy machine perhaps one of null rounds.
code=0; "$templar" network status "$net" >"$work/check.out" 2>&1 || code=$?
[ "$code" = 0 ] || [ "$code" = 3 ] || { fail "status as text ends with $code"; cat "$work/check.out" >&2; }
grep -q "^amended  1 from window $first on: codec.topk=8, inner.learning_rate=0.002" "$work/check.out" || { fail "status does not show the amendment"; cat "$work/check.out" >&2; }
for name in miner-1 miner-2 miner-3 miner-4 net/validator; do leave $name; done
grep -l "alarm: \(decision_doubted\|out_of_sync\)" "$work"/*.log "$work"/net/*.log && fail "somebody did not follow"

say "one root, and each number from its window on"
python3 - "$first" "$work" "$net" <<'PYTHON' || fail "the numbers are others"
import glob, json, os, sys
first, work, net = int(sys.argv[1]), sys.argv[2], sys.argv[3]
roots, rates, sizes, peers, nodes, drawn = {}, {}, {}, {}, {}, set()
for file in sorted(glob.glob(f"{work}/*/metrics.jsonl") + glob.glob(f"{net}/*/metrics.jsonl")):
    for line in open(file):
        try:
            found = json.loads(line)
        except json.JSONDecodeError:
            continue
        fields = found["fields"]
        if found["name"] not in ("training_step_v2", "validator_window_v2"):
            continue
        window = fields["window"]
        nodes.setdefault(os.path.basename(os.path.dirname(file)), []).append(window)
        if roots.setdefault(window, fields["state_root"]) != fields["state_root"]:
            sys.exit(f"window {window}: {file} has another root")
        if "learning_rate" in fields and found["name"] == "training_step_v2":
            rates.setdefault(window, set()).add(fields["learning_rate"])
            sizes.setdefault(window, set()).add(fields["contribution_bytes"])
            peers[window] = len(fields["gather_peers"].split(",")) if isinstance(fields.get("gather_peers"), str) else None
last = max(roots)
print("windows", min(roots), "to", last, "amended from", first, "on;", {name: (min(w), max(w)) for name, w in nodes.items()})
if len(nodes) != 5:
    sys.exit(f"nodes that report: {sorted(nodes)}")
for window, all_rates in sorted(rates.items()):
    if len(all_rates) != 1:
        sys.exit(f"window {window}: learning rates {all_rates}")
    rate = next(iter(all_rates))
    if window >= first and not 0.0019 < rate <= 0.002:
        sys.exit(f"window {window}: learning rate {rate}")
    if window < first and rate > 0.0019:
        sys.exit(f"window {window}: learning rate {rate} before the amendment")
before, after = max(max(sizes[w]) for w in sizes if w < first), max(max(sizes[w]) for w in sizes if w >= first)
if not after < before:
    sys.exit(f"contributions of {before} bytes before, {after} after")
for name in ("miner-3", "miner-4"):
    if max(nodes[name]) < first + 5:
        sys.exit(f"{name} has not come back: {nodes[name]}")
if set(range(first, first + 2)) & set(nodes["miner-3"]):
    sys.exit("miner-3 was not away over the change")
if min(nodes["miner-4"]) <= first:
    sys.exit("miner-4 did not join later")
PYTHON
wait_for 1 "the leader's draw" test -n "$(ls "$work"/store/*/scoreboard.json)"
equal "miners that are measured in a window" 1 "$(value "$(ls "$work"/store/*/scoreboard.json | head -n 1)" 'len(json["draw"]["uids"])')"
finish
