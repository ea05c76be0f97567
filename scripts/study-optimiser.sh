#!/usr/bin/env bash
# Which inner optimiser learns best at equal tokens, by the held-out loss of whole runs: AdamW and Muon at several rates, 48 windows of the
# demo's model each; then each one's best rate with two more seeds. About a quarter of an hour a miner on two cores.
#   scripts/study-optimiser.sh OUT [MINERS ...]      rows of optimiser,rate,miners,seed,loss go to OUT/results.csv; 1 4 8 miners
set -eu
cd "$(dirname "$0")/.."
out=${1:?usage: scripts/study-optimiser.sh OUT [MINERS ...]}; shift
[ $# -gt 0 ] || set -- 1 4 8
. scripts/study-runs.sh

# optimiser NAME RATE MINERS SEED
optimiser() { one "$1,$2,$3,$4" "$3" "$4" inner.optimiser="$1" inner.learning_rate="$2"; }

# best NAME MINERS: its rate with the lowest loss.
best() { grep -E "^$1,[^,]*,$2,1," "$out/results.csv" | sort -t, -k5,5n | head -n 1 | cut -d, -f2; }

for miners in "$@"; do
  for name in adamw muon; do
    for rate in 1.5e-3 3e-3 6e-3 1.2e-2; do optimiser $name $rate "$miners" 1; done
    for seed in 2 3; do optimiser $name "$(best $name "$miners")" "$miners" $seed; done
  done
done
