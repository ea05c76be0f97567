#!/usr/bin/env bash
# Options from configuration files and the environment, and that a localnet's processes have its options and no others.
. "$(dirname "$0")/common.sh" "$@"

# shown PATTERN COMMAND...: --show-config says a line like it (a basic regular expression of the whole line).
shown() {
  local pattern=$1; shift
  timeout 30 "$@" --show-config >"$work/shown.out" 2>"$work/shown.err" || { fail "$* --show-config: $(cat "$work/shown.err")"; return 1; }
  grep -qx -- "$pattern" "$work/shown.out" || { fail "$*: no line is '$pattern'"; sed 's/^/    /' "$work/shown.out" >&2; }
}

small_data "$work/data"
cat >"$work/localnet.toml" <<TOML
data = "$work/data"
miners = 2
windows = 3
no-baseline = true
seed = 5
node-threads = 2
heldout-samples = 4
set = [ # a small network
  "model.hidden_size=32", "model.num_hidden_layers=1", "model.intermediate_size=64", "inner.sequence_length=32", "inner.batch_size=2",
  "inner.steps=2", "scoring.evaluation_samples=2", "network.checkpoint_interval=2",
]
TOML
cat >"$work/node.toml" <<TOML
spec = "$work/by-file/run_spec.json"
data = "$work/data"
store = "$work/by-file/store"
ledger = "$work/by-file/ledger.db"
threads = 2
influx-url = "http://me:pass-word@127.0.0.1:1"
influx-password-file = "$work/pass-word"
TOML

say "a localnet by flags, and one by a file"
localnet "$work/by-flags" --data "$work/data" --miners 2 --windows 3 --no-baseline --seed 5 --node-threads 2
check "a localnet by a file" timeout 60 "$templar" localnet --config "$work/localnet.toml" --out "$work/by-file"
roots=$(window_roots "$work/by-flags")
[ -n "$roots" ] || give_up "nothing to compare with"
equal "roots by a file" "$roots" "$(window_roots "$work/by-file")"

say "processes have the localnet's options, whatever its environment says"
# What would lead a node astray that took it for its own.
check "a localnet of processes" env TEMPLAR_CONFIG="$work/localnet.toml" TEMPLAR_PROCESSES=yes TEMPLAR_OUT="$work/processes" TEMPLAR_STATE="$work/astray" \
  TEMPLAR_KEY="$work/astray" TEMPLAR_UNTIL_WINDOW=1 TEMPLAR_MICRO_BATCH=1 TEMPLAR_KEEP_CHECKPOINTS=1 TEMPLAR_FORCE=1 \
  TEMPLAR_MMLU_EVERY=9 TEMPLAR_LIMIT=1 TEMPLAR_TAG="site=a,rack=7" TEMPLAR_SYSTEM_INTERVAL=0 TEMPLAR_INFLUX_PASSWORD=not-used \
  timeout 120 "$templar" localnet
equal "roots of processes" "$roots" "$(window_roots "$work/processes")"
[ ! -e "$work/astray" ] || fail "a node took the environment's --state or --store"
for node in miner-1 miner-2 validator-0 evaluator; do
  # A tag of the localnet's is on what each node measures; a machine that is never looked at is never reported.
  file=$work/processes/metrics/$node.jsonl
  [ -e "$file" ] || { fail "$node wrote no measurements"; continue; }
  grep -q '"site":"a"' "$file" || fail "$node has not the localnet's tag"
  grep -q '"name":"system"' "$file" && fail "$node has not the localnet's --system-interval"
done

say "a node by file, variables and flags"
node=("$templar" miner --config "$work/node.toml" --state "$work/state" --metrics "$work/m.jsonl")
export TEMPLAR_KEY=$work/by-file/keys/miner-1.key
shown "threads = 2  *# $work/node.toml:5" "${node[@]}"
shown "key = \"$TEMPLAR_KEY\"  *# TEMPLAR_KEY" "${node[@]}"
shown "state = \"$work/state\"  *# --state" "${node[@]}"
shown "# micro-batch = 8  *# default" "${node[@]}"
shown "threads = 3  *# TEMPLAR_THREADS" env TEMPLAR_THREADS=3 "${node[@]}"
shown "threads = 4  *# --threads" env TEMPLAR_THREADS=3 "${node[@]}" --threads 4
grep -q 'pass-word' "$work/shown.out" && fail "--show-config shows a password"
[ ! -e "$work/state" ] && [ ! -e "$work/m.jsonl" ] || fail "--show-config has done something"
"${node[@]}" --show-config >"$work/again.toml"
equal "what --show-config lists, read again" "$(grep -o '^[^#]*[^# ]' "$work/again.toml")" \
  "$(env -u TEMPLAR_KEY "$templar" miner --config "$work/again.toml" --show-config | grep -o '^[^#]*[^# ]')"
# What is TOML here is TOML to others, with the same values.
check "Python reads the same of both files" python3 - "$work/node.toml" "$work/again.toml" <<'PYTHON'
import sys, tomllib
given, listed = (tomllib.load(open(file, "rb")) for file in sys.argv[1:])
assert listed.keys() - given.keys() == {"key", "state", "metrics"}, listed
assert given.keys() - listed.keys() == {"influx-url", "influx-password-file"}, listed
assert all(listed[name] == given[name] for name in listed.keys() & given.keys()), listed
PYTHON
sed -i '/influx/d' "$work/node.toml"
say "templar doctor takes the same file, and changes nothing"
contents() { (cd "$work/by-file" && find . ! -path './store/.tmp' ! -name 'ledger.db-*' -printf '%y %p\n' | sort; find . -type f ! -name 'ledger.db-*' -exec sha256sum {} + | sort -k 2); }
before=$(contents)
check "a doctor who finds all well" timeout 60 "$templar" doctor "${node[@]:1}"
cp "$work/check.out" "$work/doctor.out"
grep -qE '^ok +registration +uid 1$' "$work/doctor.out" || fail "the doctor does not know the miner: $(cat "$work/doctor.out")"
grep -qE '^warning +blocks .*has the run stopped' "$work/doctor.out" || fail "the doctor takes a finished run's ledger for a young one"
code=0; TEMPLAR_DATA=$work/none TEMPLAR_LEDGER=$work/none timeout 60 "$templar" doctor "${node[@]:1}" --data "$work/none" >"$work/doctor.out" 2>&1 || code=$?
equal "exit code of a doctor who finds something" 1 "$code"
for failed in data ledger; do grep -qE "^FAILED +$failed +.*none" "$work/doctor.out" || fail "the doctor overlooks: $failed"; done
equal "what the doctor leaves" "$before" "$(contents)"
[ ! -e "$work/state" ] && [ ! -e "$work/none" ] || fail "the doctor has made something"
check "a miner of the finished run" timeout 60 "${node[@]}" --until-window 3
unset TEMPLAR_KEY

say "what can't be used is named with its place"
refused() { # PATTERN COMMAND...
  local pattern=$1 code=0; shift
  timeout 30 "$@" >"$work/refused.out" 2>"$work/refused.err" || code=$?
  equal "$*: exit code" 2 "$code"
  grep -qF -- "$pattern" "$work/refused.err" || { fail "$*: does not say '$pattern'"; sed 's/^/    /' "$work/refused.err" >&2; }
}
printf 'miners = 2\nwindws = 3\n' >"$work/bad.toml"
refused "$work/bad.toml:2: there is no option windws; did you mean windows?" "$templar" localnet --config "$work/bad.toml"
printf '\nminers = "2"\n' >"$work/bad.toml"
refused "$work/bad.toml:2: miners must be a whole number" "$templar" localnet --config "$work/bad.toml"
printf 'miners = 0\n' >"$work/bad.toml"
refused "$work/bad.toml:1: miners: Value 0 not in range 1 to 1000" "$templar" localnet --config "$work/bad.toml"
refused "TEMPLAR_MINERS: miners: Value x is not a whole number" env TEMPLAR_MINERS=x "$templar" localnet
refused "none.toml: No such file" env TEMPLAR_CONFIG="$work/none.toml" "$templar" localnet
refused "warning: TEMPLAR_MINRES is set, but is no variable of this program; did you mean TEMPLAR_MINERS?" \
  env TEMPLAR_MINRES=3 "$templar" localnet --config "$work/bad.toml"
finish
