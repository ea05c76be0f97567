#!/usr/bin/env bash
# Miners that attack: a localnet with some, and a short gauntlet. What breaks the protocol's rules or the model earns nothing, all nodes stay
# at one root, and what was run before is not run again. gauntlet_test.sh TEMPLAR
. "$(dirname "$0")/common.sh" "$@"

data=$work/data
small_data "$data"

say "a localnet with attackers"
out=$work/attacked
localnet "$out" --data "$data" --miners 5 --windows 12 --no-baseline --adversary wrong-run --adversary sybils:2
roots_agree "$out"
check "it resumes with the same attackers" timeout -k 5 60 "$templar" localnet --out "$out" "${small[@]}" --set inner.steps=2 --data "$data" \
  --miners 5 --windows 14 --no-baseline --adversary wrong-run --adversary sybils:2
refused() { # WORDS COMMAND...
  local words=$1 code=0; shift
  "$@" >"$work/said" 2>&1 || code=$?
  equal "exit code of: $*" 1 "$code"
  grep -q -e "$words" "$work/said" || fail "$* says: $(tail -n 2 "$work/said")"
}
begun=("$templar" localnet "${small[@]}" --set inner.steps=2 --data "$data" --windows 16 --no-baseline)
refused "adversary: the run's is" "${begun[@]}" --out "$out" --miners 5 --adversary wrong-run
refused "leave out --processes" "${begun[@]}" --out "$work/new" --miners 3 --processes --adversary copycat
refused "leave one honest" "${begun[@]}" --out "$work/new" --miners 2 --adversary copycat:2
refused "copycat, noisy-copy" "${begun[@]}" --out "$work/new" --miners 3 --adversary thief
[ ! -e "$work/new" ] || fail "a refused call has made its folder"
measurements "$out" validator-0 validator_scores eval_uid verdict | awk '$1 == 3 && $2 != "invalid" {bad = 1} END {exit bad}' ||
  fail "a contribution of another run counted"

say "a gauntlet"
gauntlet=("$templar" sim gauntlet --out "$work/gauntlet" --windows 30 --clean-runs 2 --attack sign-flip --attack free-rider --attack oversized)
check "it runs" timeout -k 5 240 "${gauntlet[@]}" --data "$data"
python3 - "$work/gauntlet/summary.json" <<'PYTHON' || fail "what the attacks earned is not as it should be"
import json, sys
summary = json.load(open(sys.argv[1]))
attacks = summary["attacks"]
assert [(one["attack"], one["attackers"]) for one in attacks] == [
    (name, count) for name in ("free-rider", "sign-flip", "oversized") for count in (1, 2)], attacks
for one in attacks:
    assert one["weight_share"] <= 0.1, one
    assert one["windows_until_excluded"] is not None, one
assert len(summary["clean"]) == 4
assert all(one["honest_loss"] < 0.01 for one in summary["clean"]), summary["clean"]
assert summary["detection"]["caught"] == 9
PYTHON
grep -q "What attacks earn" "$work/gauntlet/gauntlet.html" || fail "there is no page"
before=$(stat -c '%n %Y' "$work"/gauntlet/results/*)
check "once more" timeout -k 5 20 "${gauntlet[@]}" --data "$data" --json
equal "results are not made again" "$before" "$(stat -c '%n %Y' "$work"/gauntlet/results/*)"
refused "results of other options" "$templar" sim gauntlet --out "$work/gauntlet" --windows 31 --data "$data"
finish
