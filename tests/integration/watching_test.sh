#!/usr/bin/env bash
# A whole network that is watched: all that its nodes measured is in a real InfluxDB, from one process and from many; every question of
# Grafana's dashboards finds it there; `templar top` shows it; no secret is left anywhere. watching_test.sh TEMPLAR
. "$(dirname "$0")/common.sh" "$@"
. "$(dirname "$0")/influx/server.sh"
here=$(realpath "$(dirname "$0")")
root=$here/../..

open_influx
influx=(--influx-url "$url" --influx-database templar --influx-user admin)
export TEMPLAR_INFLUX_PASSWORD="a secret"

# all_there OUT: every measurement of the run's files is in the database, once.
all_there() {
  python3 - "$url" "$1" "$ask" <<'PYTHON'
import collections, glob, importlib.util, json, sys
url, out, ask = sys.argv[1:]
spec = importlib.util.spec_from_file_location("ask", ask)
module = importlib.util.module_from_spec(spec)
sys.argv = ["ask"]
spec.loader.exec_module(module)
wanted = collections.Counter()
run = None
for file in glob.glob(out + "/metrics/*.jsonl"):
    for line in open(file):
        point = json.loads(line)
        run = point["tags"].get("run", run)
        if any(value is not None for value in point["fields"].values()):
            wanted[point["name"], point["tags"]["node"]] += 1
            standard = {"run", "role", "version", "runtime_id", "config_spec", "group"}
            if point["tags"].get("role") != "localnet":
                standard.add("uid")
            missing = standard - point["tags"].keys()
            if missing:
                sys.exit(f"{point['name']} of {file} has no tag {missing}")
found = collections.Counter()
for (name, node) in wanted:
    ids = [p for p in module.points(module.influx(url, "admin", "a secret", f"SELECT * FROM \"{name}\" WHERE \"node\" = '{node}' AND \"group\" = '{out.rsplit('/', 1)[1]}' AND \"run\" = '{run}' GROUP BY *"))]
    found[name, node] = len(ids)
if found != wanted:
    sys.exit(f"logged {dict(wanted)}, in the database {dict(found)}")
print(sum(wanted.values()), "measurements of", len({node for _, node in wanted}), "nodes")
PYTHON
}

say "one process"
tasks=$work/tasks
mkdir "$tasks"
cat >"$tasks/piqa.jsonl" <<'JSONL'
{"goal": "#include", "sol1": "<a.h>", "sol2": "zzzz", "label": 0}
{"goal": "#define", "sol1": "QQQQ 1", "sol2": "A 1", "label": 1}
JSONL
small_data "$work/data"
localnet "$work/one" --data "$work/data" --windows 8 --miners 3 "${influx[@]}" --tag group=one --prometheus 0 --tasks "$tasks" || give_up "no run"
check "all of it is in InfluxDB" all_there "$work/one" && cat "$work/check.out"
roots_agree "$work/one"

say "a process each"
localnet "$work/many" --data "$work/data" --windows 6 --miners 2 --processes "${influx[@]}" --tag group=many --system-interval 1 --log-format json ||
  give_up "no run"
check "all of it is in InfluxDB" all_there "$work/many" && cat "$work/check.out"
check "the nodes' logs are JSON" python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1])]' "$work/many/logs/miner-1.log"
check "an event has its node and window" grep -q '"role":"miner"' "$work/many/logs/miner-1.log"

say "Grafana's questions"
check "the dashboards are what their script writes" "$root/grafana/make-dashboards.py" --check
"$root/grafana/make-dashboards.py" --queries >"$work/queries" || fail "no questions"
# A healthy run has nothing to show of these.
healthy='differed|did not count|Penalties|Inactivity|Alarms'
while IFS=$'\t' read -r panel query; do
  answer=$(python3 "$ask" ask "$url" admin "a secret" "$query" 2>&1) || { fail "$panel: $query: $answer"; continue; }
  [ "$answer" != "[]" ] || [[ $panel =~ $healthy ]] || fail "$panel finds nothing: $query"
done <"$work/queries"
echo "$(wc -l <"$work/queries") questions"

say "the terminal"
check "top shows the run" "$templar" top "$work/one" --once
grep -q "finished  window 8/8" "$work/check.out" || { fail "top says something else"; cat "$work/check.out" >&2; }
grep -q "all nodes agree" "$work/check.out" || fail "top does not see that the nodes agree"

say "secrets and mistakes"
if grep -r -l -F "a secret" "$work/one" "$work/many" "$work/one.log" "$work/many.log"; then fail "a secret was written there"; fi
# refused WORDS OPTIONS...: ends with 1 and says so.
refused() {
  local words=$1 code=0; shift
  timeout -k 5 60 "$templar" localnet --data "$work/data" --out "$work/refused" "${small[@]}" --windows 1 "$@" >"$work/refused.log" 2>&1 || code=$?
  equal "$*" 1 "$code"
  grep -q -F -- "$words" "$work/refused.log" || { fail "not said: $words"; tail -n 5 "$work/refused.log" >&2; }
}
refused "database" --influx-url "$url"
refused "must begin with http" --influx-url "ftp://nowhere" --influx-database d
refused "loud" --log-levels "info,gather=loud"
refused "KEY=VALUE" --tag nonsense
refused "no-such-file" --influx-url "$url" --influx-database d --influx-password-file "$work/no-such-file"
kill -9 "$server"; wait "$server" 2>/dev/null
localnet "$work/away" --data "$work/data" --windows 2 --miners 2 "${influx[@]}" --tag group=away || fail "a run without its server failed"
roots_agree "$work/away"
ls "$work/away/state/localnet/influx" | grep -q . || fail "nothing waits for the server"
finish
