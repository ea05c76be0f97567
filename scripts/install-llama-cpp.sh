#!/usr/bin/env bash
# Installs what tests/integration/llama_cpp_test.sh runs: llama.cpp's libraries for x86-64 as the npm package node-llama-cpp carries
# them, without those for graphics cards, and the Node.js that it wants (20; Debian 12 has 18, which suffices for npm alone). Versions
# and hashes stand in tests/integration/llama_cpp/package-lock.json. Prints the folder, which is kept: 234 MB under build/.
# Ends with 3 where the packages can't be had, saying why on standard error.
set -eu
cd "$(dirname "$0")/.."
pins=tests/integration/llama_cpp
folder=build/llama-cpp-client
unavailable() { echo "$*" >&2; exit 3; }

[ "$(uname -m)" = x86_64 ] || unavailable "there is no package for $(uname -m)"
if ! [ -e "$folder/installed" ] || ! cmp -s "$pins/package-lock.json" "$folder/package-lock.json"; then
  command -v npm >/dev/null || scripts/install-dependencies.sh npm >&2 || unavailable "npm can't be installed"
  # One question first: without a network npm tries each package for minutes.
  npm view node-llama-cpp name --fetch-retries 0 --fetch-timeout 20000 >/dev/null 2>&1 || unavailable "npm reaches no registry"
  rm -rf "$folder"; mkdir -p "$folder"
  cp "$pins/package.json" "$pins/package-lock.json" "$folder/"
  npm install --prefix "$folder" --ignore-scripts --omit=optional --no-audit --no-fund --fetch-retries 1 >"$folder/npm.log" 2>&1 || {
    grep -i error "$folder/npm.log" | head -n 5 >&2
    unavailable "npm can't fetch the packages"
  }
  touch "$folder/installed"
fi
echo "$PWD/$folder"
