#!/usr/bin/env bash
# Makes a folder for machines that have a card, its driver, the toolkit and PyTorch, but neither this project's packages nor a
# network: the program, the engine's tests, their vectors, the scripts, and the shared libraries that such a machine lacks,
# beside them. There, scripts/check-gpu.sh of that folder runs it all.
#
#   scripts/gpu-bundle.sh [folder] [the templar program] [the engine's test program]
set -eu
cd "$(dirname "$0")/.."
bundle=${1:-build/gpu-bundle}
templar=${2:-build/release/templar}
tests=${3:-build/dev/engine_test}
limit_mib=60

if [ $# -lt 2 ]; then scripts/build.sh release templar; fi
if [ $# -lt 3 ]; then scripts/build.sh dev engine_test; fi
rm -rf "$bundle"
mkdir -p "$bundle/bin" "$bundle/scripts" "$bundle/vectors"
strip -o "$bundle/bin/templar" "$templar"
strip -o "$bundle/bin/engine_test" "$tests"
cp -r tests/vectors/model "$bundle/vectors/"
cp scripts/check-gpu.sh scripts/bench_torch_cuda.py "$bundle/scripts/"

# All that the programs load, but the C and C++ libraries: those must be the machine's own, at least as new as here. Packed, since
# oneDNN alone is 40 MiB; scripts/check-gpu.sh unpacks them.
own='^(linux-vdso|ld-linux-x86-64|libc|libm|libpthread|libdl|librt|libresolv|libutil|libnsl|libanl|libstdc\+\+|libgcc_s)\.'
libraries=$(mktemp -d)
trap 'rm -rf "$libraries"' EXIT
mkdir "$libraries/lib"
for program in "$bundle/bin/templar" "$bundle/bin/engine_test"; do
  ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// {print $1, $3}'
done | sort -u | while read -r name path; do
  [[ $name =~ $own ]] || strip -o "$libraries/lib/$name" "$path"
done
tar -C "$libraries" -czf "$bundle/lib.tgz" lib
size_mib=$(du -sm "$bundle" | cut -f 1)
echo "$bundle: $size_mib MiB with $(ls "$libraries/lib" | wc -l) libraries"
[ "$size_mib" -le "$limit_mib" ] || { echo "more than $limit_mib MiB" >&2; exit 1; }
