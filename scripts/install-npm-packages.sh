#!/usr/bin/env bash
# Puts npm packages into a folder: scripts/install-npm-packages.sh PINS FOLDER, where PINS holds package.json and package-lock.json
# (versions and hashes, whatever the registry). Does nothing where they are there already. Ends with 3 where they can't be had,
# saying why on standard error.
set -eu
pins=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
cd "$(dirname "$0")/.."
unavailable() { echo "$*" >&2; exit 3; }

if [ -e "$folder/installed" ] && cmp -s "$pins/package-lock.json" "$folder/package-lock.json"; then exit 0; fi
command -v npm >/dev/null || scripts/install-dependencies.sh npm >&2 || unavailable "npm can't be installed"
# One question first: without a network npm tries each package for minutes.
npm view npm name --fetch-retries 0 --fetch-timeout 20000 >/dev/null 2>&1 || unavailable "npm reaches no registry"
rm -rf "$folder/node_modules" "$folder/installed"
cp "$pins/package.json" "$pins/package-lock.json" "$folder/"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --fetch-retries 1 >"$folder/npm.log" 2>&1 || {
  grep -i error "$folder/npm.log" | head -n 5 >&2
  unavailable "npm can't fetch the packages"
}
touch "$folder/installed"
