#!/usr/bin/env bash
# Kills verbs that write with -9 at random moments: what was there before must be there, whole, and the next call must go on or say what to do.
#   scripts/kill-everywhere.sh [--templar FILE] [--verb NAME]... [--times N] [--seed S]
# Without --verb all: prepare, prepare-again, export-gguf, export-safetensors, export-hf, key, fresh, bench-checkpoint, bench-rejoin,
# localnet and localnet-processes (both must end in the state root of the run that nobody disturbed). The kill falls somewhere in the time
# that an undisturbed call takes.
set -eu
exec python3 "$(dirname "$(realpath "$0")")/kill_everywhere.py" "$@"
