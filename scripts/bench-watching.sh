#!/usr/bin/env bash
# How much all that watches slows training: the same run with nothing switched on and with everything (InfluxDB that is really there,
# Prometheus' port, the dashboard with somebody looking, the machine sampled every second, the whole log into a file), in turns. Each run
# with everything is compared with the mean of those before and after it, so that a machine that becomes slower is no slowdown; and so
# is each run with nothing, which tells how much of it is noise. Wants a quiet machine,
# curl and a templar with the dashboard's page (scripts/build-dashboard.sh): bench-watching.sh TEMPLAR [ROUNDS]
. "$(dirname "$0")/../tests/integration/common.sh" "$1"
. "$(dirname "$0")/../tests/integration/influx/server.sh"
rounds=${2:-5}
open_influx
export TEMPLAR_INFLUX_PASSWORD="a secret"
page=$(python3 "$ask" free_port)
everything=(--influx-url "$url" --influx-database templar --influx-user admin --prometheus 0 --dashboard "$page" --system-interval 1
  --log-levels debug --log-file "$work/debug.log")

"$templar" data prepare /usr/include --extensions h,hpp,hh --max-bytes 4MB --sequence-length 128 --out "$work/data" >"$work/data.log" 2>&1 || exit 1
TIMEFORMAT='%U %S'
run() { # NAME OPTIONS...: its seconds of training, the sum of its miners' inner steps; and its process' seconds of processor time
  local out=$work/$1; shift
  { time "$templar" localnet --data "$work/data" --miners 2 --windows 16 --no-baseline --out "$out" "$@" >"$out.log" 2>&1; } 2>"$out.time" ||
    { tail -n 5 "$out.log" >&2; exit 1; }
  measurements "$out" miner-1 training_step_v2 train_seconds >"$out.seconds"
  measurements "$out" miner-2 training_step_v2 train_seconds >>"$out.seconds"
  awk '{ sum += $1 } END { printf "%.3f", sum }' "$out.seconds"
  awk '{ printf " %.3f\n", $1 + $2 }' "$out.time"
}
# Somebody looks at the page all the time.
look() {
  while :; do
    curl -s --noproxy '*' --compressed "http://127.0.0.1:$page/api/news?since=&wait=1" -o /dev/null || sleep 0.2
    sleep 1
  done
}
run warm-up >/dev/null
off=$(run off-0) || exit 1
echo "off $off" | tee "$work/rounds"
for round in $(seq "$rounds"); do
  look &
  looking=$!
  on=$(run "on-$round" "${everything[@]}") || exit 1
  kill "$looking"; wait "$looking" 2>/dev/null
  off=$(run "off-$round") || exit 1
  printf 'on %s\noff %s\n' "$on" "$off" | tee -a "$work/rounds"
done
python3 - "$work/rounds" <<'PYTHON'
import statistics, sys
runs = [line.split() for line in open(sys.argv[1])]
for column, what in (1, "training"), (2, "processor time of the whole process"):
    values = [float(run[column]) for run in runs]
    def slower(i, step):
        return 100 * (2 * values[i] / (values[i - step] + values[i + step]) - 1)
    watched = [slower(i, 1) for i in range(1, len(values), 2)]
    noise = [slower(i, 2) for i in range(2, len(values) - 2, 2)]
    spread = f"; with nothing on {min(noise):+.2f} to {max(noise):+.2f} %, median {statistics.median(noise):+.2f} %" if noise else ""
    print(f"{what}: {min(watched):+.2f} to {max(watched):+.2f} %, median {statistics.median(watched):+.2f} %{spread}")
PYTHON
PYTHON_STATUS=$?
for pid in $(processes_of_test); do kill -9 "$pid" 2>/dev/null; done
exit $PYTHON_STATUS
