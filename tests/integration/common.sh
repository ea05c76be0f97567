# Sourced by the tests of this folder, each called as NAME_test.sh TEMPLAR. Gives them a folder that goes away at the end with all
# processes that were started for it, a text, a small network and the looking at what it leaves behind.
set -u
templar=$(realpath "${1:?usage: $(basename "$0") TEMPLAR}")
work=$(mktemp -d "${TMPDIR:-/tmp}/templar-integration-XXXXXX")
failures=0

# Everything that runs on this test's folder: the programs' own arguments name it.
processes_of_test() {
  local file
  for file in /proc/[0-9]*/cmdline; do
    # A process may be gone by now.
    if tr '\0' ' ' <"$file" 2>/dev/null | grep -q -F -- "$work/"; then basename "$(dirname "$file")"; fi
  done 2>/dev/null | grep -v -x "$$" || true
}

clean_up() {
  local pid
  for pid in $(processes_of_test); do kill -9 "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$work"
}
trap clean_up EXIT

say() { echo "-- $*"; }
fail() { failures=$((failures + 1)); echo "FAILED: $*" >&2; }
# Ends the test: nothing after this would mean anything.
give_up() { fail "$*"; exit 1; }

# check WHAT COMMAND...: the command must succeed.
check() {
  local what=$1; shift
  if "$@" >"$work/check.out" 2>&1; then return 0; fi
  fail "$what"; sed 's/^/    /' "$work/check.out" >&2
  return 1
}

# equal WHAT EXPECTED ACTUAL
equal() { [ "$2" = "$3" ] || fail "$1: expected '$2', is '$3'"; }

finish() {
  local left
  left=$(processes_of_test)
  [ -z "$left" ] || fail "processes left behind: $left"
  [ "$failures" = 0 ] || { echo "$failures checks failed" >&2; exit 1; }
  echo "all checks passed"
}

# A data folder for the small model, from text that every machine has which can build this.
small_data() { # FOLDER
  "$templar" data prepare /usr/include --extensions h --max-bytes 300000 --sequence-length 32 --held-out-samples 64 --out "$1" \
    >"$work/prepare.log" 2>&1 || { cat "$work/prepare.log" >&2; give_up "the data could not be prepared"; }
}

# Options of a network that trains a window in a few milliseconds. inner_steps may be changed before a localnet.
inner_steps=2
small=(--set model.hidden_size=32 --set model.num_hidden_layers=1 --set model.intermediate_size=64 --set inner.sequence_length=32
  --set inner.batch_size=2 --set scoring.evaluation_samples=2 --set network.checkpoint_interval=2 --heldout-samples 4)

# localnet OUT OPTIONS...: must succeed within a minute; its output is in OUT.log.
localnet() {
  local out=$1 code=0; shift
  timeout -k 5 60 "$templar" localnet --out "$out" "${small[@]}" --set inner.steps=$inner_steps "$@" >>"$out.log" 2>&1 || code=$?
  [ "$code" = 0 ] || { fail "localnet --out $out $*: exit code $code"; tail -n 30 "$out.log" >&2; return 1; }
}

# A field of a flat JSON file, as JSON.
field() { # FILE NAME
  python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1])).get(sys.argv[2])))' "$1" "$2"
}

# measurements OUT NODE NAME FIELD...: a line for each measurement of that name: its fields (or tags).
measurements() {
  python3 - "$@" <<'PYTHON'
import json, sys
folder, node, name, *fields = sys.argv[1:]
try:
    lines = open(f"{folder}/metrics/{node}.jsonl").read().split("\n")
except FileNotFoundError:
    lines = []
for line in lines:
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        continue  # a killed process' last line
    if found["name"] == name:
        print(*[found["fields"].get(field, found["tags"].get(field)) for field in fields])
PYTHON
}

# The state root after each window, "WINDOW ROOT", sorted; fails where two nodes (or two tellings of one) differ.
window_roots() { # OUT
  python3 - "$1" <<'PYTHON'
import glob, json, sys
roots = {}
for file in sorted(glob.glob(sys.argv[1] + "/metrics/*.jsonl")):
    for line in open(file):
        try:
            found = json.loads(line)
        except json.JSONDecodeError:
            continue
        if found["name"] in ("training_step_v2", "validator_window_v2"):
            root, window = found["fields"]["state_root"], found["fields"]["window"]
            if roots.setdefault(window, root) != root:
                sys.exit(f"{file}: window {window}: root {root}, another node has {roots[window]}")
if not roots:
    sys.exit("no window was reported")
for window in sorted(roots):
    print(window, roots[window])
PYTHON
}

roots_agree() { # OUT
  check "$1: all nodes report the same roots" window_roots "$1" && equal "$1: roots_agree" true "$(field "$1/summary.json" roots_agree)"
}

# What a run leaves in its store must all be whole.
nothing_corrupt() { # OUT
  local object
  check "$1: the checkpoints verify" "$templar" checkpoint verify "$1/store"
  for object in "$1"/store/*/contributions/*; do
    check "$object: the contribution is whole" "$templar" contribution inspect "$object"
    [[ $(basename "$object") =~ ^[0-9]{10}$ ]] || fail "$object is no object that a node writes"
  done
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local until=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || { fail "waited in vain: $what"; return 1; }
    sleep 0.02
  done
}

# stand_still LEDGER PID...: stops the processes where none of them is writing to the ledger's file: one that stood still in the middle
# of that would hold up everybody else, also who makes the blocks.
stand_still() {
  local ledger=$1 attempt; shift
  for attempt in {1..200}; do
    kill -STOP "$@" || return 1
    sqlite3 -cmd '.timeout 300' "$ledger" 'BEGIN IMMEDIATE; ROLLBACK;' 2>/dev/null && return 0
    kill -CONT "$@"
    sleep 0.0$((RANDOM % 10))
  done
  fail "$* write to $ledger whenever they are stopped"
  return 1
}
