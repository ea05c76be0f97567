# Sourced after common.sh by tests that need InfluxDB 1.x: a real server on loopback, which asks for a password. Fetches it; where
# that can't be done the test says so and ends.
influx_tools=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
ask=$influx_tools/ask.py
servers=$("$influx_tools/../../../scripts/install-servers.sh" influxdb victoria-metrics 2>"$work/servers.log") || {
  echo "SKIPPED: $(tail -n 1 "$work/servers.log")"
  exit 0
}
influxd=$servers/influxd
victoria=$servers/victoria-metrics

# influx_config NAME PORT HTTPS: a server that listens on loopback alone and asks for a password.
influx_config() {
  mkdir -p "$work/$1"
  cat >"$work/$1/influxdb.conf" <<CONF
reporting-disabled = true
bind-address = "127.0.0.1:$(python3 "$ask" free_port)"
[meta]
  dir = "$work/$1/meta"
[data]
  dir = "$work/$1/data"
  wal-dir = "$work/$1/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:$2"
  auth-enabled = true
  log-enabled = false
  https-enabled = $3
  https-certificate = "$work/server.pem"
  https-private-key = "$work/server.key"
[monitor]
  store-enabled = false
[logging]
  level = "warn"
CONF
}
start_influx() { # NAME
  "$influxd" -config "$work/$1/influxdb.conf" >>"$work/$1/log" 2>&1 &
  server=$!
}
# Ready as soon as it answers a question at all.
answers() { python3 "$ask" ask "$@" "SHOW DATABASES"; }
first_user() { python3 - "$1" <<'PYTHON'
import sys, urllib.parse, urllib.request
data = urllib.parse.urlencode({"q": "CREATE USER admin WITH PASSWORD 'a secret' WITH ALL PRIVILEGES"}).encode()
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1] + "/query", data, 5).read()
PYTHON
}

# A server with the database templar, whose address becomes $url.
open_influx() {
  url=http://127.0.0.1:$(python3 "$ask" free_port)
  influx_config influx "${url##*:}" false
  start_influx influx
  wait_for 20 "the server's start" first_user "$url" || { tail -n 20 "$work/influx/log" >&2; exit 1; }
  python3 "$ask" ask "$url" admin "a secret" "CREATE DATABASE templar" >/dev/null || give_up "no database"
}
