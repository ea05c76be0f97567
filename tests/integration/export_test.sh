#!/usr/bin/env bash
# Taking a model away, as a process among others: killed at any moment it leaves nothing half-written under the target's name, its
# memory does not grow with the model, and Ctrl-C ends export and generation cleanly.
. "$(dirname "$0")/common.sh" "$@"
tools=$(realpath "$(dirname "$0")")/llama_cpp

say "a model of 100 MB in parameters of at most 3 MB"
"$templar" data prepare /usr/include --extensions h --max-bytes 300000 --sequence-length 64 --held-out-samples 8 --out "$work/data" \
  >"$work/prepare.log" 2>&1 || give_up "no data"
train() { # NAME OPTIONS...
  local name=$1; shift
  timeout -k 5 300 "$templar" localnet --data "$work/data" --out "$work/$name" --windows 1 --miners 1 --no-baseline --heldout-samples 2 \
    --set inner.sequence_length=64 --set inner.batch_size=1 --set inner.steps=1 --set scoring.evaluation_samples=1 "$@" \
    >"$work/$name.log" 2>&1 || { tail -n 30 "$work/$name.log" >&2; give_up "no model"; }
}
train large --set model.hidden_size=512 --set model.num_hidden_layers=8 --set model.num_attention_heads=8 \
  --set model.num_key_value_heads=8 --set model.intermediate_size=1408
train small --set model.hidden_size=32 --set model.num_hidden_layers=1 --set model.intermediate_size=64
model=$work/large/model
mkdir "$work/out"

say "memory"
peak_kib() { # COMMAND...: of its resident memory
  python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@"
}
for format in hf gguf safetensors; do
  small=$(peak_kib "$templar" checkpoint export "$work/small/model" "$work/out/small-$format" --format $format)
  large=$(peak_kib "$templar" checkpoint export "$model" "$work/out/large-$format" --format $format)
  echo "$format: $small KiB for a model of $(stat -c %s "$work/small/model/model.safetensors") bytes, $large KiB for one of $(stat -c %s "$model/model.safetensors")"
  # One parameter, a piece of it as it is read and one as it is written, and what malloc keeps.
  [ $((large - small)) -lt 20000 ] || fail "$format: memory grows from $small to $large KiB"
done

# killed SECONDS FORMAT TARGET OPTIONS...: an export of the large model that is killed after that time; fails unless it was done before.
killed() {
  local delay=$1 format=$2 target=$3; shift 3
  (timeout -s KILL "$delay" "$templar" checkpoint export "$model" "$target" --format "$format" "$@" || exit 1) >/dev/null 2>&1
}

say "killed at any moment"
for format in hf gguf safetensors; do
  target=$work/out/killed-$format killed=0
  for delay in 0.01 0.05 0.1 0.15 0.2 0.25 0.3 0.4 0.5 0.7; do
    killed "$delay" $format "$target" || killed=$((killed + 1))
    if [ -e "$target" ]; then
      check "$format killed after $delay s: the target is whole" diff -r "$target" "$work/out/large-$format"
      rm -rf "$target"
    fi
  done
  echo "$format: $killed of 10 killed"
  [ "$killed" -gt 0 ] || fail "$format: not one was killed in time"
  check "$format: the next one succeeds" "$templar" checkpoint export "$model" "$target" --format $format
  killed 0.2 $format "$target" --force --dtype bf16
  [ -e "$target" ] || fail "$format: replacing killed, the old one is gone"
done
check "the directory" python3 "$tools/check_directory.py" "$work/out/large-hf" "$work/out/large-hf"

say "interrupted"
mkdir "$work/quiet"
code=0; timeout -s INT 0.1 "$templar" checkpoint export "$model" "$work/quiet/model" >"$work/said" 2>&1 || code=$?
if [ -e "$work/quiet/model" ]; then echo "the export was quicker than the signal"; else
  equal "an interrupted export's exit code" 124 "$code"
  equal "what an interrupted export leaves" "" "$(ls "$work/quiet")"
fi
"$templar" generate "$work/small/model" --prompt '#include' --ignore-end --max-new-tokens 1000000000 >"$work/text" 2>"$work/said" &
generating=$!
wait_for 30 "the first text" test -s "$work/text"
kill -INT $generating
code=0; wait $generating || code=$?
equal "an interrupted generation's exit code" 130 "$code"
equal "an interrupted generation ends its line" "" "$(tail -c 1 "$work/text")"
equal "what it says on standard error" "" "$(cat "$work/said")"
finish
