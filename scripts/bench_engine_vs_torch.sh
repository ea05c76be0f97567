#!/bin/bash
# Trains the same 9 M parameter model with `templar bench train` and with PyTorch (bench_torch.py), turn by turn so that both
# see the same machine, and prints the ratios of tokens/s and the largest difference of the first losses.
#
#   scripts/bench_engine_vs_torch.sh [path of the templar binary] [rounds] [threads]
#
# Needs python3-torch and libopenblas0-openmp (Debian's packages). Of bf16 in PyTorch the faster way counts: autocast, or a
# bf16 model beside f32 master weights. The figure for each side is its best round: whatever else runs only slows down.
set -euo pipefail

cd "$(dirname "$0")/.."
templar=${1:-build/release/templar}
rounds=${2:-3}
threads=${3:-2}
python=/usr/bin/python3
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

for ((round = 0; round < rounds; ++round)); do
  for precision in f32 bf16; do
    "$templar" bench train --precision "$precision" --threads "$threads" --json >"$results/engine.$precision.$round"
    "$python" scripts/bench_torch.py --precision "$precision" --threads "$threads" >"$results/torch.$precision.$round"
  done
  "$python" scripts/bench_torch.py --precision bf16 --bf16 master --threads "$threads" >"$results/torch.bf16.master.$round"
done

"$python" - "$results" <<'PYTHON'
import glob
import json
import sys

folder = sys.argv[1]


def runs(pattern):
    return [json.load(open(path)) for path in glob.glob(f"{folder}/{pattern}")]


for precision in ("f32", "bf16"):
    engine, torch = runs(f"engine.{precision}.*"), runs(f"torch.{precision}.*")
    ours, theirs = (max(run["tokens_per_second"] for run in side) for side in (engine, torch))
    apart = max(abs(a - b) for a, b in zip(engine[0]["losses"], torch[0]["losses"]))
    print(f"{precision}: engine {ours:.0f} tokens/s, PyTorch {theirs:.0f}, ratio {ours / theirs:.2f}; "
          f"losses of the first {len(torch[0]['losses'])} steps differ by at most {apart:.1e}")
PYTHON
