#!/usr/bin/env bash
# Fetches servers that tests talk to from Debian's packages, and prints the folder of their programs:
#   PATH=$(scripts/install-servers.sh influxdb victoria-metrics prometheus):$PATH
# They are unpacked under build/servers, not installed: an installed package would start a service, now and after every restart of the
# machine. So is what they need and this machine lacks: programs with libraries of their own (radosgw) find them by LD_LIBRARY_PATH.
# Ends with 3 where a package can't be had, saying why on standard error.
set -eu
cd "$(dirname "$0")/.."
folder=$PWD/build/servers
mkdir -p "$folder/packages"
exec 9>"$folder/lock"; flock 9  # tests run side by side
unavailable() { echo "$*" >&2; exit 3; }
if [ "$(id -u)" = 0 ]; then as_root=""; else as_root="sudo -n"; fi

download() { (cd "$folder/packages" && apt-get download -qq -o APT::Sandbox::User="$(id -un)" "$1") >"$folder/log" 2>&1; }

# What apt would install for the package, itself among it; nothing where it is not in the lists.
needed_for() { LC_ALL=C apt-get install --simulate --no-install-recommends "$1" 2>"$folder/log" | awk '/^Inst / { print $2 }'; }

update() { $as_root apt-get update -qq >"$folder/log" 2>&1; }

# unpack PACKAGE: unless that was done before.
unpack() {
  [ ! -e "$folder/packages/$1.unpacked" ] || return 0
  # Old lists name versions that are gone.
  download "$1" || { update && download "$1"; } ||
    unavailable "Debian's package $1 can't be fetched: $(tail -n 1 "$folder/log")"
  dpkg -x "$folder/packages/$1"_*.deb "$folder/unpacked" || unavailable "Debian's package $1 can't be unpacked"
  touch "$folder/packages/$1.unpacked"
}

for package in "$@"; do
  [ ! -e "$folder/$package" ] || continue
  # A machine that has never asked for Debian's lists finds nothing in them.
  apt-cache show "$package" >"$folder/log" 2>&1 || update || unavailable "Debian's lists can't be fetched: $(tail -n 1 "$folder/log")"
  # One that is installed is unpacked all the same: its programs are looked for here.
  for part in $(needed_for "$package") $package; do unpack "$part"; done
  touch "$folder/$package"
done
echo "$folder/unpacked/usr/bin"
