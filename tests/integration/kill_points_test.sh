#!/usr/bin/env bash
# kill -9 at every step of saving, uploading, loading and catching up: each restart is correct and no checkpoint is ever half
# visible. kill_points_test.sh TEMPLAR, of whose build folder it takes the program.
set -eu
cd "$(dirname "$0")/../.."
folder=$(dirname "$1")
flock "$folder" ninja -C "$folder" kill_points >/dev/null
# A killed process leaves a file system as it is, whatever lies under it; on a disk the thousands of syncs would take minutes.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
"$folder/kill_points"
