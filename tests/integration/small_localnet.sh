#!/usr/bin/env bash
# A small network from text to model, for sanitizer builds: small_localnet.sh TEMPLAR
set -eu
templar=$(realpath "$1")
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cp -r /usr/include/c++ "$folder/text" 2>/dev/null || cp -r /usr/include/linux "$folder/text"
for mode in "" "--processes"; do
  # shellcheck disable=SC2086  # no mode: no argument
  "$templar" localnet --data "$folder/text" --max-bytes 300KB --out "$folder/run$mode" --windows 3 --miners 2 $mode \
    --set model.hidden_size=32 --set model.num_hidden_layers=1 --set model.intermediate_size=64 --set inner.sequence_length=32 \
    --set inner.batch_size=2 --set inner.steps=2 --set scoring.evaluation_samples=2 --set network.checkpoint_interval=2 \
    --heldout-samples 4
  grep -q '"roots_agree": true' "$folder/run$mode/summary.json"
  "$templar" checkpoint verify "$folder/run$mode/model"
done
