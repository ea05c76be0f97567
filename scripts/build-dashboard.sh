#!/usr/bin/env bash
# Builds the page of `templar dashboard`: its own modules and uPlot, bundled by esbuild into one HTML file, which the next build of
# templar takes in. Versions and hashes stand in src/app/dashboard/page/package-lock.json; what is fetched (11 MB) stays under build/.
# Does nothing where the page is newer than its sources. Ends with 3 where the packages can't be had, saying why on standard error.
set -eu
cd "$(dirname "$0")/.."
sources=$PWD/src/app/dashboard/page
folder=$PWD/build/dashboard
page=$folder/page.html
unavailable() { echo "$*" >&2; exit 3; }

[ -n "$(find "$sources" -type f -newer "$page" 2>/dev/null)" ] || ! [ -e "$page" ] || exit 0
if ! [ -e "$folder/installed" ] || ! cmp -s "$sources/package-lock.json" "$folder/package-lock.json"; then
  command -v npm >/dev/null || scripts/install-dependencies.sh npm >&2 || unavailable "npm can't be installed"
  # One question first: without a network npm tries each package for minutes.
  npm view uplot name --fetch-retries 0 --fetch-timeout 20000 >/dev/null 2>&1 || unavailable "npm reaches no registry"
  rm -rf "$folder/node_modules" "$folder/installed"; mkdir -p "$folder"
  cp "$sources/package.json" "$sources/package-lock.json" "$folder/"
  npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --fetch-retries 1 >"$folder/npm.log" 2>&1 || {
    grep -i error "$folder/npm.log" | head -n 5 >&2
    unavailable "npm can't fetch the packages"
  }
  touch "$folder/installed"
fi
node "$sources/bundle.mjs" "$sources" "$folder/node_modules" "$page.new"
mv "$page.new" "$page"
echo "built $page, $(wc -c <"$page") bytes"
