#!/usr/bin/env bash
# Consensus must come out the same on 64-bit ARM, whose compilers fuse a product into a sum unless told not to, whose char has no
# sign and whose vectors are others. Builds base/ and core/ with a cross compiler and runs under qemu: the synthetic run of
# check-determinism.sh, whose state roots are frozen, and these rooms' unit tests.
#   scripts/check-aarch64.sh [ROOM ...]      default: base core/run core/coding core/protocol core/codec core/consensus core/scoring core/data
# The cross compiler and qemu are installed; the libraries for ARM are only unpacked, into build/aarch64-libraries.
set -eu
cd "$(dirname "$0")/.."
rooms=${*:-base core/run core/coding core/protocol core/codec core/consensus core/scoring core/data}
packages="libsodium-dev libsodium23 libfmt-dev libfmt9 libspdlog-dev libspdlog1.10 libhwy-dev libhwy1 nlohmann-json3-dev
  libgtest-dev libgmock-dev libbenchmark-dev libbenchmark1debian"
libraries=build/aarch64-libraries
report=build/aarch64-check
passed=0; failed=0; skipped=0

# Debian's packages of the other architecture, beside this one's: apt works in folders of its own, and neither dpkg nor the
# machine's package lists learn of it.
unpack_libraries() {
  [ "$(cat "$libraries/unpacked" 2>/dev/null)" != "$packages" ] || return 0
  echo "unpacking libraries for aarch64 into $libraries"
  rm -rf "$libraries"
  mkdir -p "$libraries/apt/downloads"
  local apt=$PWD/$libraries/apt
  : >"$apt/status"
  local options=(-qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
    -o "Dir::State=$apt" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt")
  # shellcheck disable=SC2086  # word by word
  { apt-get "${options[@]}" update && (cd "$apt/downloads" && apt-get "${options[@]}" download $packages); } >"$apt/log" 2>&1 || {
    tail -n 20 "$apt/log" >&2
    echo "The libraries for aarch64 could not be downloaded; the lines above say why." >&2
    exit 1
  }
  for package in "$apt"/downloads/*.deb; do dpkg-deb -x "$package" "$libraries"; done
  rm -rf "$apt"
  echo "$packages" >"$libraries/unpacked"
}

emulate() { nice -n 10 qemu-aarch64 -L /usr/aarch64-linux-gnu "$@"; }

compare_roots() {  # number of threads
  local roots=$report/roots-$1.txt
  if emulate build/aarch64/consensus_root "$1" >"$roots" 2>&1; then
    passed=$((passed + 1)); echo "  ok      the frozen state root, threads: $1"
  else
    failed=$((failed + 1)); echo "  FAILED  the frozen state root, threads: $1"; cat "$roots"
  fi
}

# A fused product rounds once where the written order rounds twice. The frozen root notices most of them, not each.
look_for_fused_products() {
  local found=$report/fused-products.txt
  aarch64-linux-gnu-objdump -d --no-show-raw-insn build/aarch64/libtemplar_*.a >"$report/instructions.txt"
  if [ -s "$report/instructions.txt" ] && ! grep -E '\s(fmla|fmls|fn?madd|fn?msub)\s' "$report/instructions.txt" >"$found"; then
    passed=$((passed + 1)); echo "  ok      no fused products"
  else
    failed=$((failed + 1)); echo "  FAILED  no fused products"; head -n 20 "$found"
  fi
  rm "$report/instructions.txt"
}

test_program() { echo "$1_test" | tr / _; }

number_of() { grep -E "^\[ *$1 *\] [0-9]+ tests?[.,]" "$2" | head -n 1 | tr -dc 0-9 || true; }

unit_tests() {  # room
  local program log good left_out bad status=0 begun=$SECONDS
  program=$(test_program "$1")
  log=$report/$program.log
  emulate "build/aarch64/$program" --gtest_color=no >"$log" 2>&1 || status=$?
  good=$(number_of PASSED "$log"); left_out=$(number_of SKIPPED "$log"); bad=$(number_of FAILED "$log")
  # A program that breaks off does not say how many tests it did not come to.
  [ "$status" = 0 ] || [ -n "$bad" ] || bad=1
  [ -n "$good$bad" ] || bad=1
  passed=$((passed + ${good:-0})); skipped=$((skipped + ${left_out:-0})); failed=$((failed + ${bad:-0}))
  echo "  ${good:-0} passed, ${bad:-0} failed, ${left_out:-0} skipped: $1, $((SECONDS - begun)) s"
  [ -z "$bad" ] || { echo "  from $log:"; grep -E 'Failure|FAILED' -A 6 "$log" | head -n 120; tail -n 20 "$log"; }
}

scripts/install-dependencies.sh aarch64
unpack_libraries
mkdir -p "$report"
targets=consensus_root
for room in $rooms; do targets="$targets $(test_program "$room")"; done
# shellcheck disable=SC2086  # word by word
scripts/build.sh aarch64 $targets

look_for_fused_products
for threads in 1 3; do compare_roots $threads; done
for room in $rooms; do unit_tests "$room"; done

echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
