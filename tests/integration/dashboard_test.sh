#!/usr/bin/env bash
# The dashboard in a real browser, headless Chromium: what the page says is what the data says, news arrive, ten thousand windows
# stay fluid, an alarm is a banner as long as it stands, nothing is asked of anybody else, and it is whole in light, dark and on a phone.
# dashboard_test.sh TEMPLAR [FOLDER]: also leaves pictures in FOLDER.
pictures=${2:+$(realpath "$2")}
. "$(dirname "$0")/common.sh" "$1"
root=$(realpath "$(dirname "$0")/../..")
tools=$root/tests/integration/dashboard
client=$root/build/dashboard-client
skip() { echo "SKIPPED the dashboard in a browser: $*"; finish; exit 0; }

say "a folder without a run, a folder that is not there"
mkdir "$work/empty"
for folder in empty none; do
  timeout 20 "$templar" dashboard "$work/$folder" --port 0 >"$work/refused.log" 2>&1
  equal "$folder: exit code" 1 "$?"
  grep -qE "no such folder|no run in this folder|scripts/build-dashboard.sh" "$work/refused.log" || fail "$folder: $(cat "$work/refused.log")"
done
grep -q "scripts/build-dashboard.sh" "$work/refused.log" && skip "$(cat "$work/refused.log")"

"$root/scripts/install-npm-packages.sh" "$tools" "$client" 2>"$work/install.log" || skip "$(tail -n 1 "$work/install.log")"
command -v chromium >/dev/null || "$root/scripts/install-dependencies.sh" browser >"$work/install.log" 2>&1 || skip "Chromium can't be installed"

# serve FOLDER: sets address and server.
serve() {
  "$templar" dashboard "$1" --port 0 >"$1.out" 2>"$1.err" &
  server=$!
  wait_for 20 "the server of $1" grep -q "http://" "$1.out" || { cat "$1.err" >&2; give_up "no server"; }
  address=$(grep -o 'http://[^ ]*' "$1.out")
}
look() { # WHAT FOLDER ARGUMENTS...
  local what=$1 folder=$2; shift 2
  serve "$folder"
  check "$what" node "$tools/look.mjs" "$client" "$what" "$address" "$folder" "$@" && sed 's/^/   /' "$work/check.out"
  kill -INT "$server"
  wait "$server"
  equal "$what: the server's exit code after Ctrl-C" 0 "$?"
}

say "a run that has finished"
small_data "$work/data"
localnet "$work/run" --data "$work/data" --miners 3 --windows 7
look finished "$work/run"

say "a localnet that shows itself"
timeout -k 5 60 "$templar" localnet --out "$work/shown" "${small[@]}" --set inner.steps=2 --data "$work/data" --miners 2 --windows 30 --dashboard 0 \
  >"$work/shown.log" 2>&1 &
shown=$!
wait_for 20 "the localnet's own address" grep -q "dashboard http://" "$work/shown.log"
address=$(grep -o 'http://[^ ]*' "$work/shown.log")
check "its data while it trains" python3 -c 'import sys, json, urllib.request as u; assert json.load(u.urlopen(sys.argv[1] + "api/news"))["windows_wanted"] == 30' "$address"
wait "$shown"
equal "the localnet's exit code" 0 "$?"

say "a run that goes on, with a troubled miner"
"$templar" run show tiny >"$work/spec.json"
python3 "$tools/make_run.py" "$work/live" 400 8 troubled --spec "$work/spec.json" --wanted 500 >/dev/null
look live "$work/live" ${pictures:+"$pictures"}

say "a run without timelines, processes and spec"
python3 "$tools/make_run.py" "$work/bare" 12 2 plain --bare >/dev/null
look bare "$work/bare"

say "an alarm that begins and ends"
python3 "$tools/make_run.py" "$work/alarmed" 12 2 plain --spec "$work/spec.json" --wanted 40 >/dev/null
look alarmed "$work/alarmed" ${pictures:+"$pictures"}

say "ten thousand windows"
python3 "$tools/make_run.py" "$work/long" 10000 8 plain --spec "$work/spec.json" >/dev/null
look long "$work/long"
finish
