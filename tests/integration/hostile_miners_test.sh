#!/usr/bin/env bash
# What hostile miners put into the store of a running network stops nobody, is named by the validator, and reaches no model.
. "$(dirname "$0")/common.sh" "$@"

out=$work/run
small_data "$work/data"
inner_steps=400
timeout -k 5 60 "$templar" localnet --out "$out" --data "$work/data" --processes --miners 7 --windows 11 --no-baseline "${small[@]}" \
  --set inner.steps=$inner_steps >"$work/run.log" 2>&1 &
localnet_pid=$!
bucket_of() { "$templar" key show "$out/keys/miner-$1.key" | grep -o 'node-[0-9a-f]*'; }
wait_for 20 "the keys" test -s "$out/keys/miner-7.key"
leader=$("$templar" key show "$out/keys/validator-0.key" | grep -o 'node-[0-9a-f]*')

buckets=$(for uid in 1 2 3 4 5 6 7; do bucket_of $uid; done | tr '\n' ' ')
wait_for 20 "the first decision" test -e "$out/store/$leader/accepted/0000000000" || give_up "$(tail -n 20 "$work/run.log")"

# Miners 2 to 7 are hostile, in a window that has not begun yet: their own nodes find something published and leave it there.
# Everything that they need of an honest contribution is taken from those of window 0; each is stamped with a time inside the
# window, as the ledger's clock would (block 0: 2026-01-01, 12 s a block, 5 blocks a window).
window=8
python3 - "$out" $window "$buckets" "$leader" <<'PYTHON' || give_up "the hostile contributions could not be placed"
import os, pathlib, sys, time
out, window, buckets = pathlib.Path(sys.argv[1]), int(sys.argv[2]), dict(enumerate(sys.argv[3].split(), start=1))
opens_s = 1767225600 + window * 5 * 12

def folder(uid):
    return out / "store" / buckets[uid] / "contributions"

def put(uid, content, at_s=opens_s + 1, size=None):
    path = folder(uid) / f"{window:010d}"
    if path.exists():
        sys.exit(f"miner {uid} was quicker: window {window} has begun already")
    temporary = out / f"hostile-{uid}"
    temporary.write_bytes(content)
    if size is not None:
        os.truncate(temporary, size)
    os.utime(temporary, (at_s, at_s))
    os.rename(temporary, path)

def earlier(uid):
    return (folder(uid) / f"{0:010d}").read_bytes()

flipped = bytearray(earlier(4))
flipped[100] ^= 1                   # in what is signed and not encrypted: the window is looked at only behind it
put(2, earlier(2))                  # its own of an earlier window
put(3, earlier(1))                  # another miner's
put(4, bytes(flipped))
put(5, earlier(5)[:-100])           # truncated
put(6, b"", size=100_000_000)       # far beyond the limit
put(7, earlier(7), opens_s - 60)    # before its window
if (out / "store" / sys.argv[4] / "accepted" / f"{window - 1:010d}").exists():
    sys.exit(f"window {window} has begun in the meantime")
PYTHON

code=0; wait $localnet_pid || code=$?
equal "localnet's exit code" 0 "$code"
[ "$code" = 0 ] || tail -n 30 "$work/run.log" >&2
roots_agree "$out"
equal "windows" 11 "$(field "$out/summary.json" windows)"

verdict() { # UID WINDOW: "VERDICT REASON"
  measurements "$out" validator-0 validator_scores eval_uid window verdict reason | awk -v uid="$1" -v window="$2" '$1 == uid && $2 == window' | cut -d ' ' -f 3-
}
expect_verdict() { # UID PATTERN
  local said
  said=$(verdict "$1" $window)
  say "miner $1: $said"
  [[ $said =~ $2 ]] || fail "miner $1: the verdict does not say '$2': $said"
}
expect_verdict 1 '^accepted'
expect_verdict 2 '^invalid .*window'
expect_verdict 3 '^invalid .*(uid|window|key)'
expect_verdict 4 '^invalid .*(hash|signature|content|changed)'
expect_verdict 5 '^invalid .'
expect_verdict 6 '^invalid .*100000000 bytes, at most'
expect_verdict 7 '^too_early .*before the window'
for uid in 1 2 3 4 5 6 7; do
  [[ $(verdict $uid $((window + 1))) =~ ^accepted ]] || fail "miner $uid is honest again in window $((window + 1)) and is not accepted: $(verdict $uid $((window + 1)))"
done
finish
