#!/usr/bin/env bash
# Which inner optimiser learns best at equal tokens, by the held-out loss of whole runs: AdamW and Muon at several rates, with 1, 4 and 8
# miners, 48 windows of the demo's model each; then each one's best rate with two more seeds. What is done already is not done again.
#   scripts/study-optimiser.sh OUT [MINERS ...]      rows of optimiser,rate,miners,seed,loss go to OUT/results.csv
#   scripts/plot-optimiser.py OUT/results.csv > picture.svg
set -eu
cd "$(dirname "$0")/.."
out=${1:?usage: scripts/study-optimiser.sh OUT [MINERS ...]}; shift
mkdir -p "$out"
scripts/install-dependencies.sh build
scripts/build.sh release templar
[ -e "$out/data" ] || build/release/templar data prepare /usr/include --extensions h,hpp,hh --max-bytes 16MB --sequence-length 128 --out "$out/data"

# one OPTIMISER RATE MINERS SEED
one() {
  local name=$1,$2,$3,$4 log
  grep -q "^$name," "$out/results.csv" 2>/dev/null && return
  log=$out/$(echo "$name" | tr , -).log
  build/release/templar localnet --data "$out/data" --out "$out/run" --fresh --windows 48 --miners "$3" --seed "$4" --no-baseline \
    --set inner.schedule_steps=720 inner.optimiser="$1" inner.learning_rate="$2" >"$log" 2>&1 || { tail -n 5 "$log" >&2; exit 1; }
  echo "$name,$(grep -o 'held-out [0-9.]*' "$log" | tail -n 1 | cut -d' ' -f2)" | tee -a "$out/results.csv"
}

# best OPTIMISER MINERS: its rate with the lowest loss.
best() { grep -E "^$1,[^,]*,$2,1," "$out/results.csv" | sort -t, -k5,5n | head -n 1 | cut -d, -f2; }

for miners in "${@:-1 4 8}"; do
  for miners in $miners; do
    for rate in 1.5e-3 3e-3 6e-3 1.2e-2 2.4e-2; do one adamw $rate "$miners" 1; done
    for rate in 1.5e-3 3e-3 6e-3 1.2e-2 2.4e-2; do one muon $rate "$miners" 1; done
    for optimiser in adamw muon; do
      for seed in 2 3; do one $optimiser "$(best $optimiser "$miners")" "$miners" $seed; done
    done
  done
done
