#!/usr/bin/env bash
# Hostile command lines of every verb, and outputs of every verb that can't be written.
. "$(dirname "$0")/common.sh" "$@"

fuzz=$(dirname "$0")/../../scripts/fuzz-command-line.sh
check "hostile command lines" "$fuzz" --templar "$templar" --count "${COMMAND_LINES:-150}" --seed "${SEED:-1}"
check "outputs that can't be written" "$fuzz" --templar "$templar" --outputs
finish
