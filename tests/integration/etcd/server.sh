# Sourced after common.sh by tests that need etcd: a cluster of three servers on loopback. Fetches it; where that can't be done the test
# says so and ends.
etcd_tools=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
servers=$("$etcd_tools/../../../scripts/install-servers.sh" etcd-server etcd-client 2>"$work/servers.log") || {
  echo "SKIPPED: $(tail -n 1 "$work/servers.log")"
  exit 0
}
# What the caller's own environment says of other servers is nothing to this test.
unset "${!ETCD_@}" "${!ETCDCTL_@}" http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
etcd_dir=$work/etcd
etcd_pids=(0 0 0)

# start_etcd NUMBER: from 0 to 2; once more after it was killed.
start_etcd() {
  local client=${etcd_ports[$1]} peer=${etcd_ports[$(($1 + 3))]}
  "$servers/etcd" --name "n$1" --data-dir "$etcd_dir/n$1" --logger zap --log-level warn --auth-token "${etcd_tokens:-simple}" \
    --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
    --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
    --initial-cluster "$etcd_cluster" --initial-cluster-token "$etcd_dir" >>"$etcd_dir/n$1.log" 2>&1 &
  etcd_pids[$1]=$!
}
# etcdctl ARGUMENTS...: at all servers.
etcdctl() { ETCDCTL_API=3 "$servers/etcdctl" --endpoints "$etcd_endpoints" --command-timeout 10s "$@"; }

# A cluster whose addresses become $etcd_hosts ("127.0.0.1:1,127.0.0.1:2,...").
open_etcd() {
  local i
  mapfile -t etcd_ports < <(python3 - <<'PYTHON'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(6)]
print(*[found.getsockname()[1] for found in sockets], sep="\n")
PYTHON
  )
  mkdir -p "$etcd_dir"
  etcd_hosts="" etcd_cluster="" etcd_endpoints=""
  for i in 0 1 2; do
    etcd_hosts+=${etcd_hosts:+,}127.0.0.1:${etcd_ports[$i]}
    etcd_endpoints+=${etcd_endpoints:+,}http://127.0.0.1:${etcd_ports[$i]}
    etcd_cluster+=${etcd_cluster:+,}n$i=http://127.0.0.1:${etcd_ports[$((i + 3))]}
  done
  for i in 0 1 2; do start_etcd $i; done
  wait_for 60 "the cluster's start" etcdctl endpoint health || { tail -n 5 "$etcd_dir"/n*.log >&2; exit 1; }
}

# The number of the server that leads the cluster.
etcd_leader() {
  etcdctl endpoint status --write-out json 2>/dev/null | python3 -c '
import json, sys
for status in json.load(sys.stdin):
    if status["Status"]["leader"] == status["Status"]["header"]["member_id"]:
        print(sys.argv[1].split(",").index(status["Endpoint"].split("//")[1]))' "$etcd_hosts"
}

# kill_etcd NUMBER: it has no moment to say good-bye.
kill_etcd() {
  kill -9 "${etcd_pids[$1]}"
  wait "${etcd_pids[$1]}" 2>/dev/null
}

# etcd_requests KINDS: how many requests of these kinds ("Range|Txn"; a stream is one) all servers have got since their start.
etcd_requests() {
  local port
  for port in "${etcd_ports[@]:0:3}"; do
    python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())' "http://127.0.0.1:$port/metrics"
  done | awk -v kinds="grpc_method=\"($1)\"" '/^grpc_server_started_total/ && $0 ~ kinds { sum += $NF } END { print sum + 0 }'
}
