#!/usr/bin/env bash
# Which aggregation rule learns best, by the held-out loss of whole runs: every rule at several outer rates, with 4 and 8 miners,
# 48 windows of the demo's model each. Takes about an hour on two cores; what is done already is not done again.
#   scripts/study-aggregation.sh OUT       rows of rule,rate,miners,seed,loss go to OUT/results.csv
#   scripts/plot-aggregation.py OUT/results.csv > picture.svg
set -eu
cd "$(dirname "$0")/.."
out=${1:?usage: scripts/study-aggregation.sh OUT}
. scripts/study-runs.sh

# rule RULE RATE MINERS
rule() { one "$1,$2,$3,1" "$3" 1 outer.aggregation="$1" outer.learning_rate="$2"; }

for miners in 4 8; do
  for rate in 0.25 0.5 1 2; do rule mean_present $rate $miners; done
  for rate in 0.5 1 1.5 2; do rule mean_shrunk $rate $miners; done
  for rate in 1 2 4 8; do rule mean_all $rate $miners; done
done
