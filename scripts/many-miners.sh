#!/usr/bin/env bash
# Networks of many miners in one process: many-miners.sh [TEMPLAR] [FOLDER]
# Seconds a window and resident memory of 250 miners that gather 20 and of 100 that gather 100, with two threads,
# and whether 1,000 run with 1,024 descriptors. Each with PASS or MISSED; ends with 1 if one was missed. The bars
# are of two cores that nobody else uses.
set -eu
templar=$(realpath "${1:-build/release/templar}")
folder=${2:-$(mktemp -d)}
[ $# -ge 2 ] || trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/text"
missed=0

judge() {  # WHAT VALUE BAR UNIT
  local verdict=PASS
  awk -v v="$2" -v b="$3" 'BEGIN { exit !(v <= b) }' || { verdict=MISSED; missed=1; }
  printf '%-44s %8s %s (at most %s) %s\n' "$1" "$2" "$4" "$3" "$verdict"
}
for i in $(seq 1 12000); do echo "line $i of some text that repeats itself, $((i * i)) times over"; done >"$folder/text/text.txt"

# MINERS GATHERED WINDOWS: trains; sets seconds (of a window, from the second on), memory (MB, the most there was) and
# processor (seconds of its time in all).
train() {
  local run=$folder/$1
  rm -rf "$run"
  python3 - "$folder/said" "$templar" localnet --data "$folder/text" --out "$run" --miners "$1" --windows "$3" --threads 2 --no-baseline \
    --set model.hidden_size=32 --set model.num_hidden_layers=1 --set model.intermediate_size=64 --set inner.sequence_length=32 \
    --set inner.batch_size=2 --set inner.steps=2 --set scoring.evaluation_samples=2 --set network.checkpoint_interval=20 \
    --set network.gather_peer_count="$2" --set network.reserve_peer_count=0 --heldout-samples 4 --metrics-size 0 <<'RUN' >"$folder/memory"
import resource, subprocess, sys
with open(sys.argv[1], "wb") as said:
    code = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=said, stderr=said).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_maxrss // 1000, round(usage.ru_utime + usage.ru_stime, 1))
sys.exit(code)
RUN
  read -r memory processor <"$folder/memory"
  grep -q '"roots_agree": true' "$run/summary.json"
  seconds=$(grep -h '"name":"validator_window_v2"' "$run/metrics/validator-0.jsonl" | grep -o '"time_ns":[0-9]*' | cut -d: -f2 |
    sort -n | awk 'NR == 1 { first = $1 } { last = $1 } END { printf "%.2f", (last - first) / 1e9 / (NR - 1) }')
}

train 250 20 6
echo "250 miners that gather 20: $processor s of processor time for six windows and the start"
judge "250 miners that gather 20: a window" "$seconds" 1.5 s
judge "250 miners that gather 20: memory" "$memory" 300 MB
train 100 100 6
echo "100 miners that gather 100: $processor s of processor time for six windows and the start"
judge "100 miners that gather 100: a window" "$seconds" 2.5 s
ulimit -n 1024
if train 1000 20 2; then
  echo "1,000 miners with 1,024 descriptors: $seconds s a window, $memory MB PASS"
else
  echo "1,000 miners with 1,024 descriptors: MISSED: $(tail -n 2 "$folder/said")"
  missed=1
fi
exit "$missed"
