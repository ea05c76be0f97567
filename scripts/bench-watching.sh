#!/usr/bin/env bash
# How much all that watches slows training: the same run with nothing switched on and with everything (InfluxDB that is really there,
# Prometheus' port, the dashboard with somebody looking, the machine sampled every second, the whole log into a file), in turns. Prints
# both and the ratio. Wants a quiet machine: bench-watching.sh TEMPLAR [ROUNDS]
. "$(dirname "$0")/../tests/integration/common.sh" "$1"
. "$(dirname "$0")/../tests/integration/influx/server.sh"
rounds=${2:-5}
open_influx
export TEMPLAR_INFLUX_PASSWORD="a secret"
page=$(python3 "$ask" free_port)
everything=(--influx-url "$url" --influx-database templar --influx-user admin --prometheus 0 --dashboard "$page" --system-interval 1
  --log-levels debug --log-file "$work/debug.log")

"$templar" data prepare /usr/include --extensions h,hpp,hh --max-bytes 4MB --sequence-length 128 --out "$work/data" >"$work/data.log" 2>&1 || exit 1
run() { # NAME OPTIONS...: its seconds of training, the sum of its miners' inner steps
  local out=$work/$1; shift
  "$templar" localnet --data "$work/data" --miners 2 --windows 16 --no-baseline --out "$out" "$@" >"$out.log" 2>&1 || { tail -n 5 "$out.log" >&2; exit 1; }
  measurements "$out" miner-1 training_step_v2 train_seconds >"$out.seconds"
  measurements "$out" miner-2 training_step_v2 train_seconds >>"$out.seconds"
  awk '{ sum += $1 } END { printf "%.3f\n", sum }' "$out.seconds"
}
# Somebody looks at the page all the time.
look() {
  while :; do
    curl -s --noproxy '*' --compressed "http://127.0.0.1:$page/api/news?since=&wait=1" -o /dev/null || sleep 0.2
    sleep 1
  done
}
run warm-up >/dev/null
for round in $(seq "$rounds"); do
  off=$(run "off-$round") || exit 1
  look &
  looking=$!
  on=$(run "on-$round" "${everything[@]}") || exit 1
  kill "$looking"; wait "$looking" 2>/dev/null
  echo "round $round: off $off s, on $on s of training"
  echo "$off $on" >>"$work/rounds"
done
python3 - "$work/rounds" <<'PYTHON'
import statistics, sys
rounds = [tuple(map(float, line.split())) for line in open(sys.argv[1])]
off, on = zip(*rounds)
print(f"best of {len(rounds)}: off {min(off):.3f} s, on {min(on):.3f} s: {100 * (min(on) / min(off) - 1):+.2f} %;"
      f" medians {statistics.median(off):.3f} s, {statistics.median(on):.3f} s: {100 * (statistics.median(on) / statistics.median(off) - 1):+.2f} %;"
      f" two rounds with nothing on differ by up to {100 * (max(off) / min(off) - 1):.2f} %")
PYTHON
PYTHON_STATUS=$?
for pid in $(processes_of_test); do kill -9 "$pid" 2>/dev/null; done
exit $PYTHON_STATUS
