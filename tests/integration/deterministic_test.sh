#!/usr/bin/env bash
# In the deterministic precision one seed gives one run: for any number of threads, on processors with and without AVX-512, whatever
# the C library computes, and where a run is resumed with another number of threads. deterministic_test.sh TEMPLAR, of whose build
# folder it takes the program for AVX2.
. "$(dirname "$0")/common.sh" "$@"
if ! grep -q -m 1 '\bavx2\b' /proc/cpuinfo; then say "SKIPPED: this processor has no AVX2"; exit 0; fi
folder=$(dirname "$templar")
flock "$folder" ninja -C "$folder" templar_avx2 >"$work/ninja.log" 2>&1 || give_up "templar_avx2: $(tail -n 5 "$work/ninja.log")"

small_data "$work/data"
# Large enough that products and their packing are cut among four threads; a vocabulary beyond one byte's comes from the data.
inner_steps=3
common=(--data "$work/data" --seed 7 --miners 3 --no-baseline --precision f32-deterministic --set model.hidden_size=96
  --set model.intermediate_size=200 --set inner.batch_size=5)
reference=$work/threads-1
localnet "$reference" "${common[@]}" --windows 5 --node-threads 1 || give_up "nothing to compare with"
roots_agree "$reference"
equal "windows reported" 5 "$(window_roots "$reference" | wc -l)"

same_run() { # OUT
  roots_agree "$1"
  check "$(basename "$1"): the same root in every window" diff <(window_roots "$reference") <(window_roots "$1")
  equal "$(basename "$1"): the loss at the end" "$(field "$reference/summary.json" heldout_loss_last)" "$(field "$1/summary.json" heldout_loss_last)"
}

for threads in 2 4; do
  localnet "$work/threads-$threads" "${common[@]}" --windows 5 --threads 4 --node-threads $threads && same_run "$work/threads-$threads"
done
localnet "$work/processes" "${common[@]}" --windows 5 --node-threads 2 --processes && same_run "$work/processes"
full=$templar
templar=$folder/templar_avx2
localnet "$work/avx2" "${common[@]}" --windows 5 --node-threads 2 && same_run "$work/avx2"
templar=$full
# glibc takes other versions of exp, pow and their like then.
GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable localnet "$work/libm" "${common[@]}" --windows 5 --node-threads 2 &&
  same_run "$work/libm"
localnet "$work/resumed" "${common[@]}" --windows 2 --node-threads 1 &&
  localnet "$work/resumed" "${common[@]}" --windows 5 --node-threads 4 && same_run "$work/resumed"

say "a run goes on in its precision"
refused=$(timeout 60 "$templar" localnet --out "$work/resumed" --windows 6 --data "$work/data" --precision f32 2>&1)
equal "exit code in another precision" 1 $?
grep -q -e '--precision: f32-deterministic then, f32 now' <<<"$refused" || fail "no word of the precision: $refused"
finish
