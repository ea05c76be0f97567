# What the studies share; sourced by them, from the root of the tree, with $out set. Rows NAME,LOSS go to OUT/results.csv; a row that is
# there is not measured again.
mkdir -p "$out"
scripts/install-dependencies.sh build
scripts/build.sh release templar
[ -e "$out/data" ] || build/release/templar data prepare /usr/include --extensions h,hpp,hh --max-bytes 16MB --sequence-length 128 --out "$out/data"

# one NAME MINERS SEED FIELD=VALUE ...: the held-out loss of 48 windows of the demo's model.
one() {
  local name=$1 miners=$2 seed=$3 log
  shift 3
  grep -q "^$name," "$out/results.csv" 2>/dev/null && return
  log=$out/$(echo "$name" | tr , -).log
  build/release/templar localnet --data "$out/data" --out "$out/run" --fresh --windows 48 --miners "$miners" --seed "$seed" \
    --no-baseline --set inner.schedule_steps=720 "$@" >"$log" 2>&1 || { tail -n 5 "$log" >&2; exit 1; }
  echo "$name,$(grep -o 'held-out [0-9.]*' "$log" | tail -n 1 | cut -d' ' -f2)" | tee -a "$out/results.csv"
}
