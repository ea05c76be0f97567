#!/usr/bin/env bash
# Text on its way to tokens, beside Python's SentencePiece: token ids of whole documents, and the bytes of the source text that
# bits per byte count, for models that change nothing and models that normalise; and the same shards of the same text, whatever
# way it comes.
. "$(dirname "$0")/common.sh"  # Debian's python3, by its path: its package of SentencePiece is for no other

say "documents of many kinds, and models of three kinds"
/usr/bin/python3 - "$work" <<'PYTHON' || give_up "no models could be made"
import io, json, random, sys
import sentencepiece as spm
folder = sys.argv[1]
random.seed(1)
words = "gather window miner state root outer step loss codec chunk".split()
kinds = [lambda: random.choice(words) + " ", lambda: "語", lambda: "２０２３ ", lambda: "e\u0301", lambda: "  ", lambda: "\n",
         lambda: "😀", lambda: "\u202fﬁ", lambda: str(random.randrange(10**6))]
def document(size):
    text = ""
    while len(text.encode()) < size:
        kind = random.choice(kinds)
        text += "".join(kind() for _ in range(random.randrange(1, 12)))
    return text
documents = [document(random.choice([10, 200, 3000])) for _ in range(200)]
documents += [document(300_000), "d00 " + 30_000 * "語", 70_000 * "a", " lead and trail  "]
with open(f"{folder}/text.jsonl", "w") as file:
    for text in documents:
        file.write(json.dumps({"text": text, "score": float("nan")}) + "\n")
sentences = [" ".join(random.choices(words, k=8)) + f" {random.choice(words)}{i}" for i in range(2000)]
for name, options in {"nfkc": {"model_type": "bpe"}, "unigram": {"model_type": "unigram"},
                      "plain": {"model_type": "bpe", "normalization_rule_name": "identity", "add_dummy_prefix": False,
                                "remove_extra_whitespaces": False}}.items():
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter(sentences), model_writer=model, vocab_size=350, byte_fallback=True,
                                   minloglevel=3, num_threads=1, **options)
    open(f"{folder}/{name}.model", "wb").write(model.getvalue())
PYTHON

# Compares a data set with what Python's SentencePiece makes of the documents, and prints the bytes that the held-out samples'
# predicted tokens stand for.
cat >"$work/compare.py" <<'PYTHON'
import json, re, struct, sys
import sentencepiece as spm
folder, model, log = sys.argv[1:]
sp = spm.SentencePieceProcessor(model_file=model)
def values(file, kind):
    data = open(f"{folder}/{file}", "rb").read()
    return list(struct.unpack(f"<{(len(data) - 128) // struct.calcsize(kind)}{kind}", data[128:]))
train, heldout = values("train_000000.npy", "I"), values("heldout_000000.npy", "I")
documents = [json.loads(line)["text"] for line in open(f"{folder}/../text.jsonl")]
expected = sum(len(sp.encode(text)) + 1 for text in documents)
dropped = int(re.search(r"left over +(\d+) tokens", open(log).read() + "left over   0 tokens").group(1))
if len(train) + len(heldout) + dropped != expected:
    sys.exit(f"{len(train)} + {len(heldout)} + {dropped} tokens, {expected} expected")
def bytes_of(text):
    # Each token reaches to the beginning of the next; offsets are in characters.
    pieces = sp.encode(text, out_type="immutable_proto").pieces
    starts = [0] + [piece.begin for piece in pieces[1:]] + [len(text)]
    return [len(text[a:b].encode()) for a, b in zip(starts, starts[1:])] + [0]
by_ids = {tuple(sp.encode(text)): text for text in documents}
eos, at, sizes = sp.eos_id(), 0, []
while at < len(heldout):
    end = heldout.index(eos, at) if eos in heldout[at:] else len(heldout)
    ids = tuple(heldout[at:end])
    text = by_ids.get(ids) or next((t for i, t in by_ids.items() if end == len(heldout) and i[:len(ids)] == ids), None)
    if text is None:
        sys.exit(f"the held-out tokens {at} to {end} are no document's")
    sizes += bytes_of(text)[: end + 1 - at]
    at = end + 1
text = " ".join(map(str, train)) + " "
found = sum(1 for ids in by_ids if " ".join(map(str, ids)) + f" {eos} " in text)
if found < len(by_ids) - 40:
    sys.exit(f"only {found} of {len(by_ids)} documents are whole in the training tokens")
length = len(heldout) // len(values("heldout_ids_000000.npy", "Q"))
expected = [sum(sizes[i + 1 : i + length]) for i in range(0, len(heldout), length)]
given = values("heldout_bytes_000000.npy", "Q")
if given != expected:
    sys.exit(f"source bytes {given[:8]}, {expected[:8]} expected")
print(sum(given))
PYTHON

for model in nfkc unigram plain; do
  say "$model: ids and bytes as Python's SentencePiece gives them"
  check "$model: data prepare" "$templar" data prepare "$work/text.jsonl" --jsonl-field text --tokenizer "sentencepiece:$work/$model.model" \
    --sequence-length 32 --held-out-samples 16 --out "$work/data-$model" || continue
  cp "$work/check.out" "$work/prepare-$model.log"
  check "$model: compare" /usr/bin/python3 "$work/compare.py" "$work/data-$model" "$work/$model.model" "$work/prepare-$model.log"
  cp "$work/check.out" "$work/bytes-$model"
  if [ "$model" = plain ]; then
    ! grep -q "does not give back" "$work/prepare-$model.log" || fail "plain: is said to change text"
  else
    grep -q 'does not give back the text of .* documents: ".*" becomes ".*"' "$work/prepare-$model.log" || fail "$model: no warning"
  fi
done

say "bits per byte count the source's bytes"
check "a run" "$templar" localnet --data "$work/data-nfkc" --out "$work/run" --windows 2 "${small[@]:0:${#small[@]}-2}" --set inner.steps=2 \
  --set model.vocab_size=350 --heldout-samples 0
equal "heldout_bytes" "$(cat "$work/bytes-nfkc")" "$(measurements "$work/run" evaluator benchmark_metrics heldout_bytes | tail -n 1)"

say "the same shards whatever way the text comes"
seq -f "line %.0f of a plain file, with words" 20000 >"$work/plain.txt"
gzip -k "$work/plain.txt"; cp "$work/plain.txt.gz" "$work/padded.gz"; head -c 512 /dev/zero >>"$work/padded.gz"
mkfifo "$work/pipe"
prepare() { # NAME INPUT
  check "$1: data prepare" "$templar" data prepare "$2" --sequence-length 64 --out "$work/way-$1"
  (cd "$work/way-$1" && cat train_*.npy heldout_*.npy sample_ids_*.npy | sha256sum)
}
first=$(prepare file "$work/plain.txt")
for way in plain.txt.gz padded.gz; do equal "$way" "$first" "$(prepare "$way" "$work/$way")"; done
equal "standard input" "$first" "$(prepare stdin - <"$work/plain.txt")"
equal "standard input, compressed" "$first" "$(prepare stdin-gz - <"$work/plain.txt.gz")"
cat "$work/plain.txt" >"$work/pipe" &
equal "a named pipe" "$first" "$(prepare pipe "$work/pipe")"
wait

finish
