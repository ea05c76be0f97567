#!/usr/bin/env bash
# A long run stays bounded: long-run.sh [TEMPLAR] [WINDOWS] [FOLDER]
# Trains the smallest network for that many windows (20000) in one process and prints its resident memory at the
# tenth part of them and at the end, and how long `templar top`, the dashboard's page and a resume of the
# finished run take. Each with PASS or MISSED; ends with 1 if one was missed. Takes about twenty minutes of one core.
set -eu
templar=$(realpath "${1:-build/release/templar}")
windows=${2:-20000}
folder=${3:-$(mktemp -d)}
[ $# -ge 3 ] || trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"
early=$((windows / 10))
missed=0

judge() {  # WHAT VALUE BAR UNIT
  local verdict=PASS
  awk -v v="$2" -v b="$3" 'BEGIN { exit !(v <= b) }' || { verdict=MISSED; missed=1; }
  printf '%-34s %10s %s (at most %s) %s\n' "$1" "$2" "$4" "$3" "$verdict"
}
seconds_of() {  # COMMAND...: its duration; its output goes to $folder/said
  local began; began=$(date +%s.%N)
  "$@" >"$folder/said" 2>&1
  awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { printf "%.2f", b - a }'
}

# Text of this project's own: any will do.
text=$folder/text; mkdir -p "$text"
for i in $(seq 1 400); do echo "line $i of some text that repeats itself, $((i * i)) times over"; done >"$text/text.txt"
run=(
  "$templar" localnet --data "$text" --out "$folder/run" --windows "$windows" --miners 2 --threads 1 --no-baseline
  --set model.num_key_value_heads=1 --set model.num_attention_heads=1 --set model.num_hidden_layers=1 --set model.hidden_size=8
  --set model.intermediate_size=8 --set inner.sequence_length=16 --set inner.batch_size=1 --set inner.steps=1
  --set network.blocks_per_window=2
  --set scoring.evaluation_samples=1 --set network.contribution_retention_windows=120 --set network.checkpoint_interval=100
  --heldout-samples 1
)
resident_kb() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
newest_window() { sed -n 's/^window *\([0-9]*\)\/.*/\1/p' "$folder/log" | tail -n 1; }

"${run[@]}" >"$folder/log" 2>&1 &
process=$!
at_early=0 at_end=0
while kill -0 "$process" 2>/dev/null; do
  now=$(newest_window)
  size=$(resident_kb "$process" 2>/dev/null || true)
  # Behind the last window the run's results are written: the same work after a short run as after a long one.
  if [ -n "$size" ] && [ "${now:-0}" -lt "$windows" ]; then
    at_end=$size
    if [ "$at_early" = 0 ] && [ "${now:-0}" -ge "$early" ]; then
      at_early=$size
      echo "window $now: $size kB resident"
    fi
  fi
  sleep 1
done
wait "$process" || { echo "the run failed:"; tail -n 5 "$folder/log"; exit 1; }
echo "window $(newest_window): $at_end kB resident"

judge "memory at the end" "$at_end" "$(awk -v m="$at_early" 'BEGIN { printf "%.0f", m * 1.05 }')" kB
judge "templar top" "$(seconds_of "$templar" top --once "$folder/run")" 2.5 s

"$templar" dashboard --port 0 "$folder/run" >"$folder/page" 2>&1 &
page=$!
for _ in $(seq 1 100); do
  address=$(grep -o 'http://[^ ]*' "$folder/page" | head -n 1 || true)
  if [ -n "$address" ] || ! kill -0 "$page" 2>/dev/null; then break; fi
  sleep 0.05
done
# Asks until all files have been read.
read_page() {
  until curl -sSf "${address%/}/api/run" -o "$folder/run.json" && curl -sSf "${address%/}/api/news" -o "$folder/news.json" &&
    grep -qE '"reading":\{"done":([0-9]+),"total":\1\}' "$folder/news.json"; do sleep 0.02; done
}
if [ -n "$address" ]; then
  judge "the page with the whole run" "$(seconds_of read_page)" 2.5 s
  kill "$page"
else
  echo "the page with the whole run: SKIPPED, $(cat "$folder/page")"
fi
wait "$page" 2>/dev/null || true
judge "a resume of the finished run" "$(seconds_of "${run[@]}")" 2.5 s
grep -q "nothing is left to do" "$folder/said" || { echo "the resume says: $(tail -n 3 "$folder/said")"; missed=1; }

echo "on the disk: $(du -sk "$folder/run/metrics" | cut -f1) kB of metrics, $(du -k "$folder/run/ledger.db" | cut -f1) kB of ledger"
exit "$missed"
