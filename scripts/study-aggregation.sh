#!/usr/bin/env bash
# Which aggregation rule learns best, by the held-out loss of whole runs: every rule at several outer rates, with 4 and 8 miners,
# 48 windows of the demo's model each. Takes about an hour on two cores; what is done already is not done again.
#   scripts/study-aggregation.sh OUT       rows of rule,rate,miners,seed,loss go to OUT/results.csv
#   scripts/plot-aggregation.py OUT/results.csv > picture.svg
set -eu
cd "$(dirname "$0")/.."
out=${1:?usage: scripts/study-aggregation.sh OUT}
mkdir -p "$out"
scripts/install-dependencies.sh build
scripts/build.sh release templar
[ -e "$out/data" ] || build/release/templar data prepare /usr/include --extensions h,hpp,hh --max-bytes 16MB --sequence-length 128 --out "$out/data"

# one RULE RATE MINERS SEED
one() {
  local name=$1,$2,$3,$4 log
  grep -q "^$name," "$out/results.csv" 2>/dev/null && return
  log=$out/$(echo "$name" | tr , -).log
  build/release/templar localnet --data "$out/data" --out "$out/run" --fresh --windows 48 --miners "$3" --seed "$4" --no-baseline \
    --set inner.schedule_steps=720 outer.aggregation="$1" outer.learning_rate="$2" >"$log" 2>&1 || { tail -n 5 "$log" >&2; exit 1; }
  echo "$name,$(grep -o 'held-out [0-9.]*' "$log" | tail -n 1 | cut -d' ' -f2)" | tee -a "$out/results.csv"
}

for miners in 4 8; do
  for rate in 0.25 0.5 1 2; do one mean_present $rate $miners 1; done
  for rate in 0.5 1 1.5 2; do one mean_shrunk $rate $miners 1; done
  for rate in 1 2 4 8; do one mean_all $rate $miners 1; done
done
