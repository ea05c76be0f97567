#!/usr/bin/env bash
# A gather over a long line: gather-benchmark.sh [BUILD]
# 30 contributions of 10 MB from a strict S3 server in another network namespace, over a line of 100 ms there and back and 500 Mbit/s;
# and the same with three more peers that never answer, break off in the middle or trickle. Seconds beside the line's floor (bytes at
# that rate and one way there and back), and the process' own memory, mapped files not counted. Each with PASS or MISSED; ends with 1 if
# one was missed. Says SKIPPED where there are no rights or no devices for it. The bars are of two cores that nobody else uses: server,
# line and gather share them.
set -eu
build=$(realpath "${1:-build/release}")
peers=30 delay_ms=50 mbit=500 port=8333
near=templar-near-$$ far=templar-far-$$
work=$(mktemp -d)
pids=() missed=0

skip() { echo "SKIPPED: $1"; exit 0; }
# shellcheck disable=SC2317  # the trap calls it
clean_up() {
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  ip netns del "$near" 2>/dev/null || true
  ip netns del "$far" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT

[ "$(id -u)" = 0 ] || skip "only root may make network namespaces"
[ -c /dev/net/tun ] || skip "there is no /dev/net/tun"
command -v ip >/dev/null || skip "there is no ip: install iproute2"
{ ip netns add "$near" && ip netns add "$far"; } 2>"$work/said" || skip "no network namespace: $(cat "$work/said")"
{ cmake -DTEMPLAR_TESTS=ON "$build" && flock "$build" ninja -C "$build" gather_line long_line; } >"$work/build.log" 2>&1 ||
  { cat "$work/build.log" >&2; exit 1; }

# begin NAME SECONDS COMMAND...: in the background, until it has said that it is ready, with a standard input that ends with this script.
begin() {
  local name=$1 patience=$2 i
  shift 2
  mkfifo "$work/$name.input"
  "$@" <"$work/$name.input" >"$work/$name" 2>"$work/$name.errors" &
  pids+=($!)
  # shellcheck disable=SC2034  # it stays open
  exec {input}>"$work/$name.input"
  for ((i = 0; i < patience * 10; ++i)); do
    grep -q "^ready" "$work/$name" && return 0
    kill -0 "$!" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

begin line 10 "$build/long_line" "$near" "$far" "$delay_ms" "$mbit" || skip "no line: $(cat "$work/line.errors")"
for end in "$near 10.77.0.1" "$far 10.77.0.2"; do
  read -r space address <<<"$end"
  ip -n "$space" link set lo up
  ip -n "$space" addr add "$address/24" dev line
  ip -n "$space" link set line up mtu 1500 txqueuelen 20000
done

# measure WHAT PEERS SILENT
measure() {
  local what=$1 all=$2 silent=$3 size seconds memory accepted unanswered floor
  begin "server-$silent" 120 ip netns exec "$far" "$build/gather_line" serve 10.77.0.2 $((port + silent)) "$all" "$silent" ||
    { echo "no server: $(cat "$work/server-$silent.errors")" >&2; exit 1; }
  read -r _ size <"$work/server-$silent"
  timeout 120 ip netns exec "$near" "$build/gather_line" gather "http://10.77.0.2:$((port + silent))" "$all" >"$work/figures" 2>"$work/reasons" ||
    { cat "$work/reasons" >&2; exit 1; }
  [ "$silent" -gt 0 ] || ! command -v curl >/dev/null ||
    echo "curl, which checks nothing, 12 at once: $(fetch_by_curl "http://10.77.0.2:$port/node-[0-$((all - 1))]/contributions/0000000001") s"
  read -r seconds memory accepted unanswered <"$work/figures"
  floor=$(awk -v n="$((all - silent))" -v b="$size" -v r="$mbit" -v d="$delay_ms" 'BEGIN { printf "%.2f", n * b * 8 / r / 1e6 + 2 * d / 1e3 }')
  echo "$what: $accepted contributions of $size bytes in $seconds s, floor $floor s; $unanswered peers given up"
  judge "  share of the floor" "$(awk -v s="$seconds" -v f="$floor" 'BEGIN { printf "%.2f", s / f }')" 1.2
  judge "  own memory [MB]" "$memory" 64
  judge "  contributions lacking" "$((all - silent - accepted))" 0
}
fetch_by_curl() {
  local TIMEFORMAT=%R
  { time timeout 120 ip netns exec "$near" curl -sf --parallel --parallel-max 12 "$1" -o "$work/#1" 2>/dev/null; } 2>&1
  rm -f "$work"/[0-9]*
}
judge() {  # WHAT VALUE BAR
  local verdict=PASS
  awk -v v="$2" -v b="$3" 'BEGIN { exit !(v <= b) }' || { verdict=MISSED; missed=1; }
  printf '%-30s %8s (at most %s) %s\n' "$1" "$2" "$3" "$verdict"
}

measure "all answer" "$peers" 0
measure "three more do not" "$((peers + 3))" 3
exit "$missed"
