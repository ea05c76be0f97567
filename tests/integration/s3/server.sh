# Sourced after common.sh by tests that need an S3 server: Ceph's radosgw on loopback, which checks every signature. Fetches it; where
# that can't be done the test says so and ends.
s3_tools=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
servers=$("$s3_tools/../../../scripts/install-servers.sh" radosgw ceph-mon ceph-osd ceph-common 2>"$work/servers.log") || {
  echo "SKIPPED: $(tail -n 1 "$work/servers.log")"
  exit 0
}
unpacked=${servers%/usr/bin}
ceph_dir=$work/ceph
ceph_conf=$ceph_dir/ceph.conf

# in_ceph PROGRAM ARGUMENTS...: one of its programs, with the libraries that it came with.
in_ceph() {
  local program=$1; shift
  local libraries=$unpacked/usr/lib/x86_64-linux-gnu
  LD_LIBRARY_PATH=$libraries:$libraries/ceph:$unpacked/lib/x86_64-linux-gnu \
    PYTHONPATH=$unpacked/usr/lib/python3/dist-packages "$servers/$program" "$@" -c "$ceph_conf"
}
# So many free ports, each another.
free_ports() {
  python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[found.getsockname()[1] for found in sockets])
PYTHON
}

# start_daemon PROGRAM ARGUMENTS...: in the foreground of a process of its own, so that it ends with the test.
start_daemon() { in_ceph "$@" -f >>"$ceph_dir/$1.out" 2>&1 & }

# s3_user NAME: a user whose keys are NAME-access and NAME-secret-key.
s3_user() {
  in_ceph radosgw-admin user create --uid="$1" --display-name="$1" --access-key="$1-access" --secret-key="$1-secret-key" \
    >"$ceph_dir/user-$1.log" 2>&1 || { tail -n 5 "$ceph_dir/user-$1.log" >&2; give_up "the user $1 could not be made"; }
}

# A server whose address becomes $endpoint.
open_radosgw() {
  local monitor monitor_v1 gateway fsid osd
  read -r monitor monitor_v1 gateway <<<"$(free_ports 3)"
  fsid=$(cat /proc/sys/kernel/random/uuid); osd=$(cat /proc/sys/kernel/random/uuid)
  mkdir -p "$ceph_dir/mon" "$ceph_dir/osd" "$ceph_dir/rgw"
  sed -e "s|@DIR@|$ceph_dir|; s|@FSID@|$fsid|; s|@UNPACKED@|$unpacked|; s|@MONITOR@|$monitor|; s|@MONITOR_V1@|$monitor_v1|" \
    -e "s|@GATEWAY@|$gateway|" "$s3_tools/radosgw.conf.in" >"$ceph_conf"
  {
    in_ceph monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$monitor,v1:127.0.0.1:$monitor_v1]" "$ceph_dir/monmap" &&
      in_ceph ceph-mon -i a --mkfs --monmap "$ceph_dir/monmap"
  } >"$ceph_dir/setup.log" 2>&1 || { tail -n 5 "$ceph_dir/setup.log" >&2; give_up "the monitor could not be made"; }
  start_daemon ceph-mon -i a
  {
    in_ceph ceph --connect-timeout 20 osd new "$osd" && in_ceph ceph-osd -i 0 --mkfs --osd-uuid "$osd"
  } >>"$ceph_dir/setup.log" 2>&1 || { tail -n 5 "$ceph_dir/setup.log" >&2; give_up "the object daemon could not be made"; }
  start_daemon ceph-osd -i 0
  in_ceph ceph --connect-timeout 20 osd crush add osd.0 1.0 root=default host=h >>"$ceph_dir/setup.log" 2>&1
  wait_for 60 "a living object daemon" osd_is_up || { tail -n 20 "$ceph_dir/ceph-osd.out" >&2; exit 1; }
  start_daemon radosgw -n client.rgw
  endpoint=http://127.0.0.1:$gateway
  wait_for 60 "the gateway's start" python3 -c "import socket; socket.create_connection(('127.0.0.1', $gateway))" ||
    { tail -n 20 "$ceph_dir/radosgw.out" >&2; exit 1; }
}
osd_is_up() { in_ceph ceph --connect-timeout 20 osd stat 2>/dev/null | grep -q "1 up"; }
