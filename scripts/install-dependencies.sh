#!/usr/bin/env bash
# Installs from Debian's packages what is missing of what the project needs. Asks nothing and changes nothing else.
#   scripts/install-dependencies.sh build    to build and run templar
#   scripts/install-dependencies.sh check    that, and what the tests need (clang-19, sanitizers, GoogleTest)
#   scripts/install-dependencies.sh npm      what scripts/install-llama-cpp.sh and scripts/build-dashboard.sh fetch packages with
#   scripts/install-dependencies.sh browser  what tests/integration/dashboard_test.sh looks at the dashboard with
#   scripts/install-dependencies.sh aarch64  what scripts/check-aarch64.sh runs: a cross compiler and qemu
set -eu

build_packages="g++ cmake ninja-build pkg-config ccache libdnnl-dev libsodium-dev libsqlite3-dev nlohmann-json3-dev libspdlog-dev
  libfmt-dev libcli11-dev libsentencepiece-dev libhwy-dev libzstd-dev zlib1g-dev libpcre2-dev libicu-dev libcurl4-openssl-dev libcpp-httplib-dev libexpat1-dev libssl-dev"
check_packages="clang-19 llvm-19 libclang-rt-19-dev clang-format-19 libgtest-dev libgmock-dev libbenchmark-dev sqlite3 python3 python3-sentencepiece openssl libfaketime"
browser_packages="chromium fonts-dejavu-core"
aarch64_packages="g++-aarch64-linux-gnu qemu-user cmake ninja-build pkg-config ccache"

case "${1:-}" in
  build) wanted=$build_packages ;;
  check) wanted="$build_packages $check_packages" ;;
  npm) wanted="nodejs npm" ;;
  browser) wanted=$browser_packages ;;
  aarch64) wanted=$aarch64_packages ;;
  *) echo "usage: $0 build|check|npm|browser|aarch64" >&2; exit 2 ;;
esac

missing=""
for package in $wanted; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=""; elif command -v sudo >/dev/null; then as_root="sudo"; else
  echo "These packages are missing and installing them needs root:$missing" >&2
  exit 1
fi
echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # word by word
{ $as_root apt-get update -qq && $as_root apt-get install -o DPkg::Lock::Timeout=300 -y -qq --no-install-recommends $missing; } >"$log" 2>&1 || {
  tail -n 20 "$log" >&2
  echo "The packages could not be installed; the lines above say why." >&2
  exit 1
}
