#!/usr/bin/env bash
# Whatever is wrong with what it is given, the program names it, ends with an exit code that is not 0, and leaves things as they were.
. "$(dirname "$0")/common.sh" "$@"

contents() { (cd "$1" && find . ! -path './lock' ! -path './logs*' -printf '%y %p\n' | sort; find . -type f ! -name lock ! -path './logs*' -exec sha256sum {} + | sort -k 2); }

# A command as it is told: without what all of them have.
brief() { local command="$*"; command=${command/#$templar/templar}; echo "${command/${small[*]} /}"; }

# refused EXIT_CODE PATTERN COMMAND...: the command ends with that code and says so (on standard error; an extended regular expression).
refused() {
  local expected=$1 pattern=$2 code=0; shift 2
  timeout -k 5 30 "$@" >"$work/refused.out" 2>"$work/refused.err" || code=$?
  equal "$(brief "$@"): exit code" "$expected" "$code"
  grep -qE -- "$pattern" "$work/refused.err" || { fail "$(brief "$@"): does not say '$pattern'"; sed 's/^/    /' "$work/refused.err" >&2; }
}
# The same of a localnet of the small model.
refused_out=$work/out
refused_localnet() {
  local expected=$1 pattern=$2; shift 2
  refused "$expected" "$pattern" "$templar" localnet --out "$refused_out" "${small[@]}" --set inner.steps=2 --windows 2 --miners 2 "$@"
}
flip() { # FILE OFFSET: inverts a byte; a negative offset counts from the end
  python3 -c 'import sys; f = open(sys.argv[1], "r+b"); o = int(sys.argv[2]); f.seek(o, 0 if o >= 0 else 2); b = f.read(1)
f.seek(-1, 1); f.write(bytes([b[0] ^ 0xff]))' "$1" "$2"
}

small_data "$work/data"

say "usage"
refused 2 'localnet' "$templar"
refused 2 'frobnicate' "$templar" frobnicate
refused 2 '--bogus' "$templar" localnet --bogus
refused 2 'miners.*0 not in range' "$templar" localnet --miners 0
refused 2 '--threads' "$templar" localnet --threads -1
refused 2 '--algorithm' "$templar" localnet --algorithm magic
refused 2 '--key' "$templar" miner --spec tiny --data x --store x --ledger x --state x --metrics x
refused 2 'FILE' "$templar" contribution inspect

say "what a person has is neither removed nor written over"
mine=$work/mine
mkdir -p "$mine/data" "$mine/keys" "$mine/model"
cp /usr/include/stdio.h "$mine/data/book.txt"; echo secret >"$mine/keys/id"; echo '{}' >"$mine/model/config.json"
before=$(contents "$mine")
refused_out=$mine
refused_localnet 1 'no localnet made this' --data "$work/data"
refused_localnet 1 'no localnet made this' --data "$work/data" --fresh
refused_localnet 1 'no localnet made this' --data "$mine/data" --fresh
equal "a stranger's folder" "$before" "$(contents "$mine")"
refused_out=$work/kept
small_net=(--miners 2 --no-baseline)
localnet "$work/kept" --data /usr/include/linux --extensions h --max-bytes 200000 "${small_net[@]}" --windows 2
mkdir "$work/empty"; echo mine >"$work/kept/logs/mine.txt"; cp "$work/kept/data/manifest.json" "$work/kept/manifest-copy.json"
before=$(contents "$work/kept")
refused_localnet 1 'data .*lies in what --fresh would remove' --data "$work/kept/data" --fresh
refused_localnet 1 'bootstrap.* lies in what --fresh would remove' --data "$work/data" --bootstrap "$work/kept/model" --fresh
(cd "$work/kept/logs" && refused_out=.. && refused_localnet 1 'current folder.* lies in what --fresh would remove' --data "$work/data" --fresh; exit $failures) || fail "the current folder"
refused_localnet 1 'samples have 32 tokens' --data "$work/data" --set inner.sequence_length=64 --fresh
refused_localnet 1 'no text found' --data "$work/empty" --fresh
refused_localnet 1 'no-such-text: No such file' --data "$work/no-such-text" --fresh
refused 1 'belongs to the run in' "$templar" checkpoint export "$work/kept" "$work/kept/ledger.db" --format gguf --force
refused 1 'belongs to the run in' "$templar" checkpoint export "$work/kept" "$work/kept/model" --force
refused 1 'belongs to the run in' "$templar" data prepare /usr/include/linux --extensions h --max-bytes 200000 --sequence-length 32 --out "$work/kept/data"
refused_localnet 1 'belongs to the run in' --log-file "$work/kept/ledger.db"
equal "a run's own folder" "$before" "$(contents "$work/kept")"
mkfifo "$work/pipe"
refused 1 'pipe: is a device, a pipe or a socket' "$templar" checkpoint export "$work/kept" "$work/pipe" --format gguf --force
[ -p "$work/pipe" ] || fail "a pipe was replaced by a file"
"$templar" checkpoint export "$work/kept" "$work/real.gguf" --format gguf >/dev/null && ln -s real.gguf "$work/link.gguf"
"$templar" checkpoint export "$work/kept" "$work/link.gguf" --format gguf --force >/dev/null || fail "an export onto a link fails"
[ -L "$work/link.gguf" ] || fail "a link was replaced by a file"
said=$("$templar" localnet --out "$work/kept" "${small[@]}" --set inner.steps=2 --data "$work/data" "${small_net[@]}" --windows 2 --fresh 2>&1)
[[ $said == *"kept, since no run made it: $work/kept/logs/mine.txt"* ]] || fail "--fresh does not say what it kept: $said"
equal "a person's file among a run's" mine "$(cat "$work/kept/logs/mine.txt")"

say "secrets are no text"
refused 1 "is a run's folder, which is never taken as text" "$templar" data prepare "$work/kept" --sequence-length 32 --out "$work/leak"
mkdir -p "$work/texts/keys"; cp /usr/include/std*.h "$work/texts/"; cp -r "$work/kept" "$work/texts/run"
"$templar" key new "$work/texts/keys/alice" >/dev/null; cp "$work/texts/keys/alice" "$work/texts/alice.txt"; echo 'PASSWORD=hunter22' >"$work/texts/.env"
said=$("$templar" data prepare "$work/texts" --sequence-length 32 --out "$work/leak" 2>&1) || fail "texts beside secrets: $said"
for left_out in "keys/alice: a secret key" "alice.txt: a secret key" ".env: named like a secret" "run: a run's folder"; do
  [[ $said == *"left out    $work/texts/$left_out"* ]] || fail "'$left_out' is not told: $said"
done
tokens_of() { python3 -c 'import sys; d = open(sys.argv[1], "rb").read(); sys.stdout.buffer.write(d[128:][::4])' "$1"; }
for file in train_000000 heldout_000000; do
  tokens_of "$work/leak/$file.npy" | grep -qaF -e "$(cat "$work/texts/keys/alice")" -e hunter22 && fail "$file.npy holds a secret"
done

say "a run is resumed with what it was made of"
localnet "$work/made" --data "$work/texts" "${small_net[@]}" --windows 2
before=$(contents "$work/made")
refused_out=$work/made
refused_localnet 1 'made of something else: text: .*texts .* then, .*linux.* now.*--resume-anyway' --data /usr/include/linux --extensions h
refused_localnet 1 'made of something else: --tokenizer: bytes then, train:300 now' --data "$work/texts" --tokenizer train:300
refused_localnet 1 'made of something else: --max-bytes: 0 then, 100000 now' --data "$work/texts" --max-bytes 100000
refused_localnet 1 'no-such-text: No such file' --data "$work/no-such-text"
refused_localnet 1 'standard input, which nobody can compare' --data -
refused_localnet 1 'made of something else: --precision: f32 then, bf16 now' --data "$work/texts" --precision bf16
equal "a run that was not resumed" "$before" "$(contents "$work/made")"
touch "$work/texts/stdio.h"
localnet "$work/made" --data "$work/texts" "${small_net[@]}" --windows 2
localnet "$work/made" "${small_net[@]}" --windows 3
localnet "$work/made" --data /usr/include/linux --extensions h "${small_net[@]}" --windows 4 --resume-anyway
grep -q 'resumed although this differs' "$work/made.log" || fail "--resume-anyway says nothing"

say "a refused call makes nothing"
refused_out=$work/nothing
refused_localnet 1 'no-such-text: No such file' --data "$work/no-such-text"
refused_localnet 1 '--bootstrap: .*neither manifest.json' --data "$work/data" --bootstrap "$work/no-such-folder"
mkdir "$work/bad-tasks"; echo '{"sentence": "no blank", "option1": "a", "option2": "b", "answer": "1"}' >"$work/bad-tasks/winogrande.jsonl"
refused_localnet 1 'winogrande.jsonl:1: ' --data "$work/data" --tasks "$work/bad-tasks"
refused_localnet 1 'too little text' --data /usr/include/assert.h --set inner.sequence_length=4096
refused_localnet 1 'tokenizer has 256 tokens.*vocab_size is 128' --data /usr/include/linux --extensions h --max-bytes 200000 --set model.vocab_size=128
[ ! -e "$work/nothing" ] || fail "refused calls left $(find "$work/nothing")"
mkdir "$work/nothing"; echo mine >"$work/nothing/notes.txt"
refused_localnet 1 'too little text' --data /usr/include/assert.h --set inner.sequence_length=4096
equal "a folder with a person's file" "./notes.txt" "$(cd "$work/nothing" && find . -type f)"
refused_out=$work/out

say "data"
refused_localnet 1 '--data is needed' 
refused_localnet 1 'no-such-text: No such file' --data "$work/no-such-text"
: >"$work/empty.txt"
refused_localnet 1 'no text found in .*empty.txt' --data "$work/empty.txt"
mkdir "$work/empty-folder"
refused_localnet 1 'no text found in .*empty-folder' --data "$work/empty-folder"
head -c 2000 "$templar" >"$work/binary"
refused_localnet 1 'no text found in .*binary' --data "$work/binary"
refused_localnet 1 'samples have 32 tokens.*sequence-length 64' --data "$work/data" --set inner.sequence_length=64
refused_localnet 1 'tokenizer has 256 tokens.*vocab_size is 128' --data "$work/data" --set model.vocab_size=128
refused 1 'no-such-text: No such file' "$templar" data prepare "$work/no-such-text" --sequence-length 32 --out "$work/data2"
[ ! -e "$work/data2/manifest.json" ] || fail "a failed preparation leaves a manifest"
for file in train_000000.npy sample_ids_000000.npy heldout_000000.npy manifest.json; do
  for damage in flipped truncated missing; do
    rm -rf "$work/bad"; cp -r "$work/data" "$work/bad"
    case $damage in
      flipped) flip "$work/bad/$file" -10 ;;
      truncated) truncate -s -10 "$work/bad/$file" ;;
      missing) rm "$work/bad/$file" ;;
    esac
    [ "$damage $file" = "missing manifest.json" ] && continue  # shards without a manifest are a data set, too
    refused_localnet 1 "$file|manifest" --data "$work/bad"
    refused 1 "$file|manifest" "$templar" data verify "$work/bad"
  done
done

say "run specs"
spec() { python3 - "$work/spec.json" "$@" <<'PYTHON'
import json, subprocess, sys
file, templar, change = sys.argv[1], sys.argv[2], sys.argv[3]
spec = json.loads(subprocess.run([templar, "run", "show", "tiny"], capture_output=True, check=True).stdout)
exec(change)
json.dump(spec, open(file, "w"))
PYTHON
}
for case in 'spec["inner"]["stepz"] = 3|inner.stepz: unknown field' 'del spec["codec"]["topk"]|codec.topk: missing' \
  'spec["inner"]["steps"] = 0|inner.steps: 0 is out of range' 'spec["inner"]["steps"] = "six"|inner.steps: must be an integer' \
  'spec["algorithm"] = "magic"|algorithm' 'spec["model"]["num_attention_heads"] = 3|num_attention_heads' \
  'spec["seed"] = -1|seed' 'spec["network"] = []|network' 'spec["inner"]["learning_rate"] = 1e400|learning_rate|JSON'; do
  spec "$templar" "${case%%|*}"
  refused 1 "spec.json.*(${case#*|})" "$templar" run check "$work/spec.json"
  refused_localnet 1 "${case#*|}" --data "$work/data" --spec "$work/spec.json"
done
echo '{"name": ' >"$work/spec.json"
refused 1 'spec.json.*JSON' "$templar" run check "$work/spec.json"
refused_localnet 1 'no-such-preset.*(tiny, 30M, 150M, 1B, 70B)' --data "$work/data" --spec no-such-preset
refused_localnet 1 'inner.stepz: unknown field' --data "$work/data" --set inner.stepz=1
refused_localnet 1 'FIELD=VALUE' --data "$work/data" --set inner.steps

[ ! -e "$work/out/run_spec.json" ] || fail "a refused call has begun a run"
say "after all that the right call works"
localnet "$work/out" --data "$work/data" --windows 3 --miners 2 --no-baseline || give_up "no run to damage"
roots_agree "$work/out"

out=$work/out
contribution=$(compgen -G "$out/store/*/contributions/0000000002" | head -n 1)
checkpoint=$(dirname "$(compgen -G "$out/store/*/checkpoints/0000000002/manifest.json")")

say "contributions"
cp "$contribution" "$work/good"
cp "${contribution/contributions/keys}" "$work/good.key"
inspect=("$templar" contribution inspect --key "$work/good.key")
check "a good contribution is good" "${inspect[@]}" "$work/good"
size=$(stat -c %s "$work/good")
refused 1 'No such file' "${inspect[@]}" "$work/no-such-file"
refused 1 'empty-folder' "${inspect[@]}" "$work/empty-folder"
for length in 0 1 7 100 $((size / 2)) $((size - 1)); do
  head -c "$length" "$work/good" >"$work/short"
  refused 1 "short: " "${inspect[@]}" "$work/short"
done
(cat "$work/good"; echo) >"$work/long"
refused 1 'long: ' "${inspect[@]}" "$work/long"
for offset in 0 9 20 60 200 $((size / 2)) -40 -1; do
  cp "$work/good" "$work/flipped"; flip "$work/flipped" "$offset"
  refused 1 'flipped: ' "${inspect[@]}" "$work/flipped"
done

for length in 0 31 33; do
  head -c "$length" /dev/zero >"$work/wrong.key"
  refused 1 'good: ' "$templar" contribution inspect --key "$work/wrong.key" "$work/good"
done
head -c 32 /dev/zero >"$work/wrong.key"
refused 1 'good: ' "$templar" contribution inspect --key "$work/wrong.key" "$work/good"

say "checkpoints"
check "a good checkpoint is good" "$templar" checkpoint verify "$checkpoint"
for file in model.safetensors config.json run_spec.json tokenizer.json manifest.json; do
  for damage in flipped truncated missing; do
    [ "$damage $file" = "missing manifest.json" ] && continue
    rm -rf "$work/bad"; cp -r "$checkpoint" "$work/bad"
    case $damage in
      flipped) flip "$work/bad/$file" -10 ;;
      truncated) truncate -s -10 "$work/bad/$file" ;;
      missing) rm "$work/bad/$file" ;;
    esac
    code=0; "$templar" checkpoint verify "$work/bad" >"$work/said" 2>&1 || code=$?
    equal "$file $damage: exit code of checkpoint verify" 1 "$code"
    grep -q "BAD.*\($file\|manifest\)" "$work/said" || fail "$file $damage: checkpoint verify says $(cat "$work/said")"
  done
done
refused 1 'no-such-folder' "$templar" checkpoint verify "$work/no-such-folder"

say "keys and ledger"
node() { # VERB KEY OPTIONS...
  local verb=$1 key=$2; shift 2
  echo "$templar" "$verb" --spec "$out/run_spec.json" --data "$work/data" --store "$out/store" --ledger "$out/ledger.db" --state "$work/state" \
    --metrics "$work/metrics.jsonl" --key "$key" "$@"
}
echo nonsense >"$work/nonsense.key"; chmod 600 "$work/nonsense.key"
before=$(contents "$out")
# shellcheck disable=SC2046  # word by word, in all of this part
{
  refused 1 'no-such.key' $(node miner "$work/no-such.key")
  refused 1 'nonsense.key' $(node miner "$work/nonsense.key")
  refused 1 'validator-0.key.*another role' $(node miner "$out/keys/validator-0.key")
  refused 1 'miner-1.key.*another role' $(node validator "$out/keys/miner-1.key")
  refused 1 'no-such.db' $(node miner "$out/keys/miner-1.key" | sed "s#$out/ledger.db#$work/no-such.db#")
  echo mine >"$work/notes"
  refused 1 'notes.*holds something else' $(node miner "$out/keys/miner-1.key" | sed "s#$work/metrics.jsonl#$work/notes#")
  refused 1 'nonsense.key/dump.*Not a directory' $(node miner "$out/keys/miner-1.key" --dump-pseudo-gradients "$work/nonsense.key/dump")
  mkdir -p "$work/state"
  flock "$work/state/lock" $(node miner "$out/keys/miner-1.key") >"$work/said" 2>&1 && fail "two processes work in one state folder"
  grep -q "$work/state: another process works in this folder" "$work/said" || fail "a state folder in use: says $(cat "$work/said")"
  "$templar" key new "$work/new.key" >/dev/null
  refused 1 'new.key.*exists' "$templar" key new "$work/new.key"
}
equal "refused nodes leave the run as it was" "$before" "$(contents "$out")"
cp -r "$out" "$work/damaged"
for damage in "flip $work/damaged/ledger.db 2" "flip $work/damaged/ledger.db 110" "truncate -s 5000 $work/damaged/ledger.db" "truncate -s 10 $work/damaged/ledger.db"; do
  cp "$out/ledger.db" "$work/damaged/ledger.db"; rm -f "$work/damaged"/ledger.db-*
  $damage
  refused 1 'ledger.db' "$templar" localnet --out "$work/damaged" "${small[@]}" --set inner.steps=2 --data "$work/data" --windows 4 --miners 2 --no-baseline
done
cp "$out/ledger.db" "$work/damaged/ledger.db"; rm -f "$work/damaged"/ledger.db-*
localnet "$work/damaged" --data "$work/data" --windows 4 --miners 2 --no-baseline && roots_agree "$work/damaged"

say "damaged store of a run that goes on"
cp -r "$out" "$work/checkpoint-damaged"
flip "$(compgen -G "$work/checkpoint-damaged/store/*/checkpoints/0000000003/model.safetensors")" -10
localnet "$work/checkpoint-damaged" --data "$work/data" --windows 5 --miners 2 --no-baseline
roots_agree "$work/checkpoint-damaged"
cp -r "$out" "$work/scoreboard-damaged"
truncate -s -10 "$(compgen -G "$work/scoreboard-damaged/store/*/scoreboard.json")"
refused 1 'scoreboard.json|validator state' "$templar" localnet --out "$work/scoreboard-damaged" "${small[@]}" --set inner.steps=2 --data "$work/data" --windows 5 \
  --miners 2 --no-baseline

say "places where nothing can be written"
echo x >"$work/a-file"
refused_out=$work/a-file/run refused_localnet 1 'a-file' --data "$work/data"
refused 1 'a-file' "$templar" data prepare /usr/include/linux --sequence-length 32 --max-bytes 30000 --out "$work/a-file/data"
refused 1 'a-file' "$templar" key new "$work/a-file/key"
mkdir "$work/disk"
# A disk of its own for those within: in a mount namespace, so that nobody else sees it.
if unshare -m mount -t tmpfs -o size=1m none "$work/disk" 2>/dev/null; then
  on_disk() { # MOUNT_OPTIONS COMMAND
    unshare -m bash -c 'mount -t tmpfs -o size=64m none "$1" && eval "$3" && mount -o "remount,$2" "$1" && eval "$4"' _ "$work/disk" "$1" "$2" "$3"
  }
  again="timeout -k 5 60 $templar localnet --out $work/disk/run ${small[*]} --set inner.steps=2 --data $work/data --miners 2 --no-baseline"
  for mode in "" --processes; do
    say "an unwritable folder $mode"
    code=0
    on_disk ro "$again --windows 2 $mode >/dev/null 2>&1" "$again --windows 4 $mode >$work/said 2>&1" || code=$?
    equal "unwritable folder $mode: exit code" 1 "$code"
    grep -q "$work/disk/run.*Read-only file system" "$work/said" || fail "unwritable folder $mode: says $(cat "$work/said")"
    say "a full disk $mode"
    code=0
    # Filled to the last 64 KiB; the run waits and says so, and goes on as if nothing had been once there is room.
    on_disk rw "$again --windows 2 $mode >/dev/null 2>&1" "dd if=/dev/zero of=$work/disk/fill bs=1k count=\$((\$(df -k --output=avail $work/disk | tail -n 1) - 64)) 2>/dev/null
      ($again --windows 60 $mode >$work/said 2>&1; echo \$? >$work/code) &
      for _ in \$(seq 1 200); do grep -q 'No space left on device: free some' $work/said && break; sleep 0.1; done
      sleep 1; rm $work/disk/fill; wait; cp -r $work/disk/run $work/full$mode" || code=$?
    equal "full disk $mode: exit code" 0 "$(cat "$work/code")"
    grep -q "No space left on device: free some" "$work/said" || fail "full disk $mode: says $(tail -n 5 "$work/said")"
    roots_agree "$work/full$mode"
    nothing_corrupt "$work/full$mode"
  done
else
  say "SKIPPED: full disk and unwritable folder need a mount namespace of their own, which is not allowed here"
fi
finish
