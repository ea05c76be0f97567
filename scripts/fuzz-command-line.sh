#!/usr/bin/env bash
# Random command lines of every verb with hostile values, limits and outputs: nothing may crash, hang, say nothing, or change what the line
# did not name.
#   scripts/fuzz-command-line.sh [--templar FILE] [--count N] [--seed S] [--only LINE] [--jobs J]
#   scripts/fuzz-command-line.sh [--templar FILE] --outputs: a good line of each verb, with outputs that can't be written
# The same seed gives the same lines; a line that fails is printed with how to run it again. As root it also tries full and read-only disks,
# devices of its own and an ordinary user's rights, in a mount namespace that goes away with it.
set -eu
script=$(dirname "$(realpath "$0")")/fuzz_command_line.py
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then exec unshare -m python3 "$script" "$@"; fi
exec python3 "$script" "$@"
