#!/usr/bin/env bash
# Every signal and limit that a shell, a terminal or a scheduler sends: a localnet ends cleanly and says why, or goes on; resumed, it ends in the
# state root of a run that nobody disturbed. And ports are judged before nodes start.
. "$(dirname "$0")/common.sh" "$@"

small_data "$work/data"
inner_steps=40
options=(--data "$work/data" --miners 2 --no-baseline --windows 30)
for mode in "" --processes; do
  out=$work/straight$mode
  # shellcheck disable=SC2086
  localnet "$out" "${options[@]}" $mode || give_up "the undisturbed run"
done
equal "both modes" "$(field "$work/straight/summary.json" state_root)" "$(field "$work/straight--processes/summary.json" state_root)"
root=$(field "$work/straight/summary.json" state_root)

begin() { # OUT MODE: a localnet in the background, as $pid, some windows old
  # Who started this test may have it ignore SIGHUP (nohup), and all that it starts.
  # shellcheck disable=SC2086
  env --default-signal=HUP "$templar" localnet --out "$1" "${small[@]}" --set inner.steps=$inner_steps "${options[@]}" $2 >"$1.log" 2>&1 &
  pid=$!
  wait_for 30 "window 3 of $1" grep -q '^window  *3/' "$1.log" || give_up "$(tail -n 20 "$1.log")"
}
ended() { # OUT EXIT_CODE WORDS
  local code=0
  timeout 20 tail --pid=$pid -f /dev/null || fail "$1 does not end"
  wait $pid || code=$?
  equal "$1: exit code" "$2" "$code"
  grep -q -- "$3" "$1.log" || fail "$1: does not say '$3': $(tail -n 3 "$1.log")"
  equal "$1: processes left" "" "$(pgrep -f -- "$1/" | tr '\n' ' ')"
}
resumed() { # OUT MODE
  # shellcheck disable=SC2086
  localnet "$1" "${options[@]}" $2
  equal "$1: the state root" "$root" "$(field "$1/summary.json" state_root)"
}

for mode in "" --processes; do
  for one in "TERM asked.to.end" "HUP the.terminal.is.gone" "XCPU the.limit.of.processor.time" "USR1 asked.to.end..SIGUSR1" "USR2 asked.to.end..SIGUSR2" "INT stopped"; do
    read -r signal words <<<"$one"
    say "$signal $mode"
    out=$work/$signal$mode
    begin "$out" "$mode"
    kill -s "$signal" $pid
    ended "$out" 130 "$words"
    resumed "$out" "$mode"
  done
  say "stopped for a while $mode"
  out=$work/stopped$mode
  begin "$out" "$mode"
  others=$(pgrep -P $pid | tr '\n' ' ')
  # As Ctrl-Z does; SIGTSTP itself does nothing to groups of processes without a shell above them.
  # shellcheck disable=SC2086
  kill -s STOP $pid $others
  sleep 11  # longer than any node is waited for
  # shellcheck disable=SC2086
  kill -s CONT $pid $others
  ended "$out" 0 summary
  equal "$out: the state root" "$root" "$(field "$out/summary.json" state_root)"
  grep -q 'window ended without a contribution' "$out/logs/localnet.log" && fail "$out: the time that it stood still was counted"
done

say "a limit of the size of files"
out=$work/limited
code=0
(ulimit -f 200; timeout -k 5 60 "$templar" localnet --out "$out" "${small[@]}" --set inner.steps=$inner_steps "${options[@]}" >"$out.log" 2>&1) || code=$?
equal "ulimit -f: exit code" 1 "$code"
grep -qE 'File too large|disk is full|disk I/O error' "$out.log" || fail "ulimit -f: $(tail -n 3 "$out.log")"
# Who could not write is missing in windows that the others have closed: the root is another, but one.
localnet "$out" "${options[@]}" && roots_agree "$out"

say "ports"
refused_port() { # PATTERN OPTIONS...
  local pattern=$1 code=0; shift
  timeout -k 5 30 "$templar" localnet --out "$work/ports" "${small[@]}" --set inner.steps=2 "${options[@]}" --processes "$@" >"$work/ports.log" 2>&1 || code=$?
  equal "$*: exit code" 1 "$code"
  grep -qE -- "$pattern" "$work/ports.log" || fail "$*: does not say '$pattern': $(tail -n 3 "$work/ports.log")"
  [ ! -e "$work/ports/logs/miner-1.log" ] || fail "$*: a node was started"
}
refused_port 'would have 65536; give a lower one' --prometheus 65534
mkfifo "$work/hold"
python3 -c 'import socket, sys
for port in range(20000, 30000):
    held = [socket.socket() for _ in range(2)]
    try:
        held[0].bind(("127.0.0.1", port)); held[0].close()
        held[1].bind(("127.0.0.1", port + 2)); held[1].listen()
        break
    except OSError:
        pass
print(port, flush=True)
sys.stdin.read()' <"$work/hold" >"$work/port" &
exec 9>"$work/hold"
wait_for 10 "a port" test -s "$work/port"
refused_port "the port of .*, $(($(cat "$work/port") + 2)), can't be opened: Address already in use" --prometheus "$(cat "$work/port")"
exec 9>&-
finish
