#!/usr/bin/env bash
# A network learns more in the same number of windows than one miner alone, with contributions of less than a hundredth.
. "$(dirname "$0")/common.sh" "$@"

"$templar" data prepare /usr/include --extensions h,hpp --max-bytes 2000000 --sequence-length 64 --held-out-samples 128 --out "$work/data" \
  >"$work/prepare.log" 2>&1 || give_up "$(cat "$work/prepare.log")"

train() { # MINERS
  local code=0
  timeout -k 5 90 "$templar" localnet --out "$work/miners-$1" --data "$work/data" --miners "$1" --windows 12 --no-baseline --heldout-samples 128 \
    --set model.hidden_size=64 --set model.num_hidden_layers=2 --set model.intermediate_size=192 --set inner.sequence_length=64 \
    --set inner.batch_size=4 --set inner.steps=6 --set inner.warmup_steps=10 --set scoring.evaluation_samples=2 \
    --set network.checkpoint_interval=4 >"$work/miners-$1.log" 2>&1 || code=$?
  [ "$code" = 0 ] || { tail -n 20 "$work/miners-$1.log" >&2; give_up "$1 miners: exit code $code"; }
}
train 1
train 4
one=$(field "$work/miners-1/summary.json" heldout_loss_last)
four=$(field "$work/miners-4/summary.json" heldout_loss_last)
uniform=$(field "$work/miners-4/summary.json" uniform_loss)
say "held-out loss after 12 windows: 1 miner $one, 4 miners $four; knowing nothing $uniform"
check "4 miners end lower than 1" python3 -c "assert $four < $one - 0.02"
check "1 miner learns at all" python3 -c "assert $one < $uniform - 1"

say "the preset tiny, unchanged but for the number of windows"
"$templar" data prepare /usr/include --extensions h --max-bytes 2000000 --sequence-length 128 --held-out-samples 32 --out "$work/data-tiny" \
  >"$work/prepare.log" 2>&1 || give_up "$(cat "$work/prepare.log")"
timeout -k 5 60 "$templar" localnet --out "$work/tiny" --data "$work/data-tiny" --miners 2 --windows 1 --no-baseline --heldout-samples 4 \
  --set inner.steps=1 >"$work/tiny.log" 2>&1 || give_up "$(tail -n 20 "$work/tiny.log")"
parameters=$("$templar" run check tiny | awk '$1 == "parameters" {print $2}')
say "tiny: a contribution of $(field "$work/tiny/summary.json" contribution_bytes_mean) bytes for $parameters parameters, 1/$(field "$work/tiny/summary.json" ratio_to_f32) of f32"
for contribution in "$work"/tiny/store/*/contributions/*; do
  check "$contribution: at most 1/100 of f32, all headers included" python3 -c "import os; assert os.path.getsize('$contribution') * 100 <= $parameters * 4"
done
finish
