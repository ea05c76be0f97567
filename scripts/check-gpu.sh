#!/usr/bin/env bash
# Checks and measures the CUDA engine on this machine's card, from a folder that scripts/gpu-bundle.sh made:
#
#   scripts/check-gpu.sh RESULTS [PART ...]     parts: probe contract memcheck bench torch
#
# Every part runs, whatever became of those before it, and leaves its output in the folder RESULTS. Each has a time limit; the limits
# add up to about 14 minutes.
set -u
results=$(mkdir -p "$1" && cd "$1" && pwd); shift
cd "$(dirname "$0")/.."
parts=${*:-probe contract memcheck bench torch}
python=$(command -v python3)
[ -d lib ] || tar xzf lib.tgz
failed=""

# cuBLASLt and cuDNN: the toolkit's, else those of PyTorch's packages.
packages=$("$python" -c 'import os, nvidia; print("\n".join(os.path.join(p, "") for p in nvidia.__path__))' 2>/dev/null)
folders="$PWD/lib"
for name in libcublasLt.so.13 libcudnn.so.9; do
  found=$(find /usr/local/cuda/lib64 /usr/local/cuda/targets $packages -name "$name" -print -quit 2>/dev/null)
  [ -z "$found" ] || folders="$folders:$(dirname "$found")"
done
with_libraries() { LD_LIBRARY_PATH="$folders${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" TEMPLAR_TEST_VECTORS="$PWD/vectors" "$@"; }

# part SECONDS NAME COMMAND...: its output goes to NAME.txt, its end is shown.
part() {
  local limit=$1 name=$2 begin=$SECONDS code=0; shift 2
  timeout -k 5 "$limit" "$@" >"$results/$name.txt" 2>&1 || code=$?
  echo "== $name: exit status $code, $((SECONDS - begin)) s"
  [ "$code" = 0 ] || { failed="$failed $name"; tail -n "${TAIL:-25}" "$results/$name.txt"; }
}
export -f with_libraries
export folders
libraries() { part "$1" "$2" bash -c 'with_libraries "$@"' _ "${@:3}"; }

probe() {
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm --format=csv
  echo "libraries: $folders"
  "$python" -c 'import torch; print("PyTorch", torch.__version__, "cuDNN", torch.backends.cudnn.version())'
  with_libraries ldd bin/templar | grep -E "not found" && return 1
  with_libraries bin/templar --version
}
export -f probe
export python

# The 0.5B and the 1B preset's shape (1.2 G parameters), and 1.5 G parameters; 16,384 tokens a pass.
shape_of() {
  case $1 in
    0.5B) echo --vocab 32000 --hidden 1536 --layers 16 --heads 12 --intermediate 4096 ;;
    1B) echo --vocab 32000 --hidden 2048 --layers 16 --heads 16 --intermediate 8192 ;;
    1.5B) echo --vocab 32000 --hidden 2048 --layers 26 --heads 16 --intermediate 6144 ;;
  esac
}
bench() {
  local name=$1 key_value=$2; shift 2
  libraries 90 "bench-$name" bin/templar bench train --device cuda --precision bf16 --threads "$(nproc)" $(shape_of "${name%%-*}") \
    --key-value-heads "$key_value" --sequence 2048 --batch 16 --micro-batch 8 --warmup 3 --steps 8 --json "$@"
  grep -E '"(card|tokens_per_second|share_of_peak|flops_per_second|peak_flops_per_second)"' "$results/bench-$name.txt"
}

for part in $parts; do
  case $part in
    probe) part 60 probe bash -c probe; cat "$results/probe.txt" ;;
    contract)
      libraries 120 contract bin/engine_test --gtest_brief=1 --gtest_filter='*EngineContract*'
      grep -E 'PASSED|FAILED|Failure|SKIPPED' "$results/contract.txt" | sort | uniq -c | sort -rn | head -n 30 ;;
    memcheck)
      libraries 100 memcheck compute-sanitizer --tool memcheck --error-exitcode 9 bin/engine_test --gtest_brief=1 \
        --gtest_filter='*EngineContract.TrainsToTheSameBitsEachTime/Cuda*:*EngineContract.ScoresEach*/Cuda*:*OnACard.Plain*:*OnACard.CrossEntropy*'
      tail -n 4 "$results/memcheck.txt" ;;
    bench) bench 0.5B 12; bench 1B 16; bench 1.5B 16; bench 1B-any-order 16 --any-order ;;
    torch)
      for name in 0.5B 1B; do
        part 110 "torch-$name" "$python" scripts/bench_torch_cuda.py $(shape_of $name) --batch 16 --micro-batch 8 --steps 8
        grep -E '"(tokens_per_second|share_of_peak|fastest_attention|forward_tflops|backward_tflops)"' "$results/torch-$name.txt"
      done ;;
    *) echo "no part is called $part" >&2; exit 2 ;;
  esac
done
[ -z "$failed" ] && echo "all parts passed" || echo "failed:$failed"
[ -z "$failed" ]
