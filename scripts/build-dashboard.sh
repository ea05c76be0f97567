#!/usr/bin/env bash
# Builds the page of `templar dashboard`: its own modules and uPlot, bundled by esbuild into one HTML file, which the next build of
# templar takes in. Versions and hashes stand in src/app/dashboard/page/package-lock.json; what is fetched (11 MB) stays under build/.
# Does nothing where the page is newer than its sources. Ends with 3 where the packages can't be had, saying why on standard error.
set -eu
cd "$(dirname "$0")/.."
sources=$PWD/src/app/dashboard/page
folder=$PWD/build/dashboard
page=$folder/page.html

if [ -e "$page" ] && [ -z "$(find "$sources" -newer "$page")" ]; then exit 0; fi
scripts/install-npm-packages.sh "$sources" "$folder"
node "$sources/bundle.mjs" "$sources" "$folder/node_modules" "$page.new"
mv "$page.new" "$page"
echo "built $page, $(wc -c <"$page") bytes"
