#!/usr/bin/env bash
# A real Prometheus server scrapes what a node's exporter serves, and gives the values back; promtool finds nothing wrong with them.
# prometheus_test.sh TEMPLAR, of whose build folder it takes the exporting program.
. "$(dirname "$0")/common.sh" "$@"
here=$(realpath "$(dirname "$0")")
folder=$(dirname "$templar")
flock "$folder" ninja -C "$folder" prometheus_exporter >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log" >&2; give_up "the exporter can't be built"; }
servers=$("$here/../../scripts/install-servers.sh" prometheus 2>"$work/servers.log") || {
  echo "SKIPPED: $(tail -n 1 "$work/servers.log")"
  exit 0
}
PATH=$servers:$PATH

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
get() { python3 -c 'import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=10).read())' "$1"; }

say "the exposition is clean"
exported=$(free_port)
mkfifo "$work/windows"
"$folder/prometheus_exporter" "$exported" <"$work/windows" >"$work/exporter.out" 2>"$work/exporter.log" &
exporter=$!
exec 3>"$work/windows"
wait_for 20 "the exporter" grep -q ready "$work/exporter.out" || give_up "$(cat "$work/exporter.log")"
get "http://127.0.0.1:$exported/metrics" >"$work/metrics" || give_up "nothing is served"
promtool check metrics <"$work/metrics" >"$work/promtool.out" 2>&1 || { fail "promtool complains"; cat "$work/promtool.out" >&2; }
[ ! -s "$work/promtool.out" ] || { fail "promtool says something"; cat "$work/promtool.out" >&2; }

say "Prometheus gives the values back"
served=$(free_port)
cat >"$work/prometheus.yml" <<YAML
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs: [{job_name: templar, static_configs: [{targets: ["127.0.0.1:$exported"]}]}]
YAML
check "the server's configuration" promtool check config "$work/prometheus.yml"
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="127.0.0.1:$served" \
  >"$work/prometheus.log" 2>&1 &
server=$!

# value QUERY: of the one series that it finds; nothing if there is none or there are several.
value() {
  python3 - "http://127.0.0.1:$served/api/v1/query" "$1" <<'PYTHON'
import json, sys, urllib.parse, urllib.request
answer = json.load(urllib.request.urlopen(sys.argv[1] + "?" + urllib.parse.urlencode({"query": sys.argv[2]}), timeout=10))
found = answer["data"]["result"]
if len(found) != 1:
    sys.exit(1)
print(found[0]["value"][1])
PYTHON
}
has_value() { [ "$(value "$1")" = "$2" ]; }
wait_for 30 "a first scrape" has_value 'templar_training_step_v2_window{uid="1"}' 11 || give_up "$(tail -n 20 "$work/prometheus.log")"
equal "loss of miner 1" 4.25 "$(value 'templar_training_step_v2_loss{role="miner",uid="1"}')"
equal "loss of miner 2" 5.25 "$(value 'templar_training_step_v2_loss{role="miner",uid="2"}')"
equal "a large integer" 1099511627776 "$(value 'templar_training_step_v2_tokens{uid="1"}')"
equal "milliseconds as seconds" 1767225600.5 "$(value 'templar_window_timeline_train_start_seconds{uid="1"}')"
equal "a tag without end is left out" 0.5 "$(value 'templar_benchmark_task_score{task="arc_easy",metric="acc",window=""}')"
equal "a label with everything in it" 4.25 "$(value "$(printf 'templar_training_step_v2_loss{uid="1",run="a \\"b\\"\\\\\\n\xf0\x9f\x90\x8d"}')")"
equal "events on the log" 1 "$(value 'templar_log_events_total{level="warning"}')"
equal "measurements dropped" 3 "$(value 'templar_metrics_dropped_total')"
[ -n "$(value 'templar_system_process_rss_bytes{uid="1"} > 0')" ] || fail "the system is not there"

say "what is new arrives"
echo >&3
wait_for 30 "the next window" has_value 'templar_training_step_v2_window{uid="1"}' 12
equal "the series of both miners" 2 "$(value 'count(templar_training_step_v2_window)')"

kill "$server"; wait "$server" || fail "Prometheus did not end well"
exec 3>&-
wait "$exporter" || fail "the exporter did not end well"
finish
