#!/usr/bin/env bash
# Fetches servers that tests talk to from Debian's packages, and prints the folder of their programs:
#   PATH=$(scripts/install-servers.sh influxdb victoria-metrics prometheus):$PATH
# They are unpacked under build/servers, not installed: an installed package would start a service, now and after every restart of the
# machine. Ends with 3 where a package can't be had, saying why on standard error.
set -eu
cd "$(dirname "$0")/.."
folder=$PWD/build/servers
mkdir -p "$folder/packages"
exec 9>"$folder/lock"; flock 9  # tests run side by side
unavailable() { echo "$*" >&2; exit 3; }
if [ "$(id -u)" = 0 ]; then as_root=""; else as_root="sudo -n"; fi

download() { (cd "$folder/packages" && apt-get download -qq -o APT::Sandbox::User="$(id -un)" "$1") >"$folder/log" 2>&1; }

for package in "$@"; do
  [ ! -e "$folder/$package" ] || continue
  # A machine that has never asked for Debian's lists finds nothing in them.
  download "$package" || { $as_root apt-get update -qq >"$folder/log" 2>&1 && download "$package"; } ||
    unavailable "Debian's package $package can't be fetched: $(tail -n 1 "$folder/log")"
  dpkg -x "$folder/packages/$package"_*.deb "$folder/unpacked" || unavailable "Debian's package $package can't be unpacked"
  touch "$folder/$package"
done
echo "$folder/unpacked/usr/bin"
