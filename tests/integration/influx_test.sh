#!/usr/bin/env bash
# Measurements to real servers: what was logged is asked for again and is equal; a server that is killed in the middle of a
# million points loses none; everything that can be wrong is said clearly. influx_test.sh TEMPLAR, of whose build folder it takes
# the program that logs.
. "$(dirname "$0")/common.sh" "$@"
. "$(dirname "$0")/influx/server.sh"
folder=$(dirname "$templar")
flock "$folder" ninja -C "$folder" influx_points >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; give_up "influx_points was not built"; }
points=$folder/influx_points

log_points() { timeout -k 5 60 "$points" "$@"; }
report() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }

open_influx
account=(--database templar --user admin --password "a secret")

say "every kind of value, names of every kind"
log_points --url "$url" "${account[@]}" --jsonl "$work/kinds.jsonl" >"$work/kinds.json" 2>"$work/kinds.log" || fail "logging ended with $?"
check "what was logged is there, equal" python3 "$ask" kinds "$url" admin "a secret" "$work/kinds.jsonl" && cat "$work/check.out"
check "what can't be written is replaced as documented" python3 "$ask" replaced "$url" admin "a secret" && cat "$work/check.out"
equal "measurements without a field that can be written" 1 "$(report "$work/kinds.json" rejected)"
equal "fields that are no numbers" 3 "$(report "$work/kinds.json" fields_left_out)"
grep -q "NaN or an infinity: such a field is left out field=kinds.infinite" "$work/kinds.log" || fail "nothing was said of the infinity"

say "a million points, the server killed and started again in between"
log_points --url "$url" "${account[@]}" --spool "$work/spool" --points 1000000 --rate 100000 >"$work/stream.json" 2>"$work/stream.log" &
stream=$!
wait_for 30 "a part of the stream" grep -q "logged 300000" "$work/stream.log"
kill -9 "$server"; wait "$server" 2>/dev/null
wait_for 30 "points that are logged without a server" grep -q "logged 450000" "$work/stream.log"
start_influx influx
wait "$stream" || fail "the stream ended with $?"
cat "$work/stream.json"
equal "dropped" 0 "$(report "$work/stream.json" dropped)"
equal "waiting" 0 "$(report "$work/stream.json" waiting)"
grep -q "is the url right, and is the server running?" "$work/stream.log" || fail "nothing was said of the server that was away"
check "all points are there, none twice" python3 "$ask" stream "$url" admin "a secret" 1000000 && cat "$work/check.out"

# complains WORDS OPTIONS...: the program says so, loses nothing (all waits in the spool) and never prints the secret.
complains() {
  local words=$1; shift
  rm -rf "$work/bad"
  log_points --spool "$work/bad" --patience 0 "$@" >"$work/bad.json" 2>"$work/bad.log" || fail "$words: ended with $?"
  grep -q -F -- "$words" "$work/bad.log" || { fail "not said: $words"; cat "$work/bad.log" >&2; }
  grep -q "not the secret" "$work/bad.log" "$work/bad.json" && fail "the secret was printed"
  equal "$words: kept" 16 "$(report "$work/bad.json" waiting)"
  equal "$words: written" 0 "$(report "$work/bad.json" written)"
}
say "wrong password, missing database, unknown host, nobody there"
complains "check the user and the password" --url "$url" --database templar --user admin --password "not the secret"
complains "is there a database 'nowhere'" --url "$url" --database nowhere --user admin --password "a secret"
complains "Could not resolve host: no-such-host.invalid" --url http://no-such-host.invalid:8086 --database templar --user admin --password "not the secret"
complains "is the url right, and is the server running?" --url "http://127.0.0.1:$(python3 "$ask" free_port)" --org o --bucket b --token "not the secret"
# The next process sends what the last one could not.
python3 "$ask" ask "$url" admin "a secret" "DROP MEASUREMENT kinds" >/dev/null
log_points --url "$url" "${account[@]}" --spool "$work/bad" --points 1 >"$work/next.json" 2>"$work/next.log" || fail "the next start ended with $?"
equal "the next process sends what was kept" 17 "$(report "$work/next.json" written)"
check "it is there" sh -c "python3 '$ask' ask '$url' admin 'a secret' 'SELECT count(integer) FROM kinds' | grep -q ', 1\]'"

say "a full disk"
mkdir -p "$work/small"
if mount -t tmpfs -o size=64k tmpfs "$work/small" 2>/dev/null; then
  kill -9 "$server"; wait "$server" 2>/dev/null
  log_points --url "$url" "${account[@]}" --spool "$work/small/spool" --points 20000 --rate 20000 >"$work/full.json" 2>"$work/full.log" &
  stream=$!
  wait_for 30 "the complaint" grep -q "kept in memory: make room on the disk" "$work/full.log"
  start_influx influx
  wait "$stream" || fail "with a full disk: ended with $?"
  umount "$work/small"
  equal "full disk: written" 20000 "$(report "$work/full.json" written)"
  equal "full disk: dropped" 0 "$(report "$work/full.json" dropped)"
else
  echo "SKIPPED the full disk: no file system can be mounted here"
fi

say "TLS"
if openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "subjectAltName=IP:127.0.0.1" \
  -keyout "$work/server.key" -out "$work/server.pem" >"$work/openssl.log" 2>&1; then
  tls_port=$(python3 "$ask" free_port)
  influx_config tls "$tls_port" true
  start_influx tls; tls_server=$server
  wait_for 20 "the start of the server with TLS" python3 -c "import socket; socket.create_connection(('127.0.0.1', $tls_port))"
  complains "give the file of the certificates that signed" --url "https://127.0.0.1:$tls_port" "${account[@]}"
  complains "is there a database 'templar'" --url "https://127.0.0.1:$tls_port" "${account[@]}" --ca-file "$work/server.pem"
  complains "SSL routines" --url "https://${url#http://}" "${account[@]}" --ca-file "$work/server.pem"
  kill -9 "$tls_server"; wait "$tls_server" 2>/dev/null
else
  echo "SKIPPED TLS: openssl is not there"
fi

say "the protocol of 2.x"
victoria_port=$(python3 "$ask" free_port)
"$victoria" -httpListenAddr="127.0.0.1:$victoria_port" -storageDataPath="$work/victoria" -retentionPeriod=100y \
  -search.latencyOffset=0s >"$work/victoria.log" 2>&1 &
wait_for 20 "the second server's start" python3 -c "import socket; socket.create_connection(('127.0.0.1', $victoria_port))"
log_points --url "http://127.0.0.1:$victoria_port" --org o --bucket b --token t --jsonl "$work/v2.jsonl" >"$work/v2.json" 2>"$work/v2.log" ||
  fail "logging ended with $?"
check "what was logged is there" python3 "$ask" victoria "http://127.0.0.1:$victoria_port" "$work/v2.jsonl" && cat "$work/check.out"

{ for pid in $(processes_of_test); do kill -9 "$pid"; done; wait; } 2>/dev/null
finish
