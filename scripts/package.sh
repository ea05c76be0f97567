#!/usr/bin/env bash
# Makes packages of a build, which is made first if it is not there:
#   scripts/package.sh deb [PRESET]    build/PRESET/templar_VERSION_ARCH.deb: program, units of each role, manual page, for Debian 12
#   scripts/package.sh tar [PRESET]    build/PRESET/templar-VERSION-linux-ARCH.tar.gz: the program with the libraries that it needs but
#                                      the C library (2.36 or newer, as in Debian 12, Ubuntu 24.04, Fedora 37)
#   scripts/package.sh try DEB [DIR]   installs the .deb on a bare Debian 12 in DIR (build/bare-debian), founds a network there, runs a
#                                      validator and a miner, and removes it again; as root, with debootstrap
# PRESET is release unless it is said.
set -eu
cd "$(dirname "$0")/.."
what=${1:-}
usage() { sed -n '2,9p' "$0" | cut -c 3- >&2; exit 2; }

# The page of the dashboard is part of the program, if it has been built.
build() {
  preset=$1
  [ -e build/dashboard/page.html ] || scripts/build-dashboard.sh || echo "package.sh: without the dashboard's page" >&2
  scripts/build.sh "$preset" templar >&2
  templar=build/$preset/templar
}

# The manual page: what --help says of the program and of each of its verbs.
manual_page() {
  local verb
  # roff: a backslash, and a dot or an apostrophe at a line's beginning, are its own.
  as_written() { echo ".nf"; sed 's/\\/\\e/g; s/^\([.'"'"']\)/\\\&\1/'; echo ".fi"; }
  verbs_of() { "$templar" "$@" --help | awk '/^Subcommands:/ { on = 1; next } on && /^  [a-z]/ { print $1 }'; }
  echo ".TH TEMPLAR 1 \"\" \"templar $("$templar" --version)\" \"User Commands\""
  echo ".SH NAME"; echo "templar \\- trains language models across machines that don't trust each other"
  echo ".SH SYNOPSIS"; echo ".B templar"; echo "VERB [OPTION]..."
  echo ".SH DESCRIPTION"; "$templar" --help | as_written
  for verb in $(verbs_of); do
    echo ".SH templar $verb"; COLUMNS=100 "$templar" "$verb" --help | as_written
  done
  for verb in $(verbs_of network); do
    echo ".SH templar network $verb"; COLUMNS=100 "$templar" network "$verb" --help | as_written
  done
  echo ".SH FILES"; echo "/var/lib/templar/NAME: the folder of the node that templar-miner@NAME.service runs (or validator, evaluator)"
  echo ".SH SEE ALSO"; echo "/usr/share/doc/templar/join.md, /usr/share/doc/templar/operations.md"
}

make_deb() {
  build "$1"
  mkdir -p "build/$1/package"
  manual_page | gzip -9n >"build/$1/package/templar.1.gz"
  rm -f "build/$1"/templar_*.deb
  cmake "build/$1" >/dev/null
  (cd "build/$1" && cpack -G DEB >package/cpack.log 2>&1) || { tail -n 20 "build/$1/package/cpack.log" >&2; exit 1; }
  ls "build/$1"/templar_*.deb
}

make_tar() {
  build "$1"
  local name folder library
  name=templar-$("$templar" --version)-linux-$(uname -m)
  folder=build/$1/package/$name
  rm -rf "$folder"; mkdir -p "$folder"/{bin,lib/templar,doc,systemd}
  cp "$templar" "$folder/bin/templar"
  strip "$folder/bin/templar"
  # All but the C library's own parts, which belong to the machine.
  ldd "$templar" | awk '$2 == "=>" { print $3 }' | grep -v -E '/(libc|libm|libdl|librt|libpthread|libresolv|ld-linux[^/]*)\.so' | while read -r library; do
    cp -L "$library" "$folder/lib/templar/"
  done
  cp README.md CHANGELOG.md LICENSE docs/join.md docs/operations.md docs/glossary.md "$folder/doc/"
  cp packages/node.service.in "$folder/systemd/"
  LD_LIBRARY_PATH='' "$folder/bin/templar" --version >/dev/null
  tar -C "build/$1/package" --owner 0 --group 0 -czf "build/$1/$name.tar.gz" "$name"
  rm -rf "$folder"
  ls "build/$1/$name.tar.gz"
}

# A bare Debian 12, as apt here is set up.
bare_debian() { # DIR
  [ -e "$1/etc/debian_version" ] && return
  local uri file
  uri=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
  debootstrap --variant=minbase bookworm "$1" "${uri:-http://deb.debian.org/debian}" >"$1.log" 2>&1 || { tail -n 3 "$1.log" >&2; exit 1; }
  rm -f "$1/etc/apt/sources.list"  # debootstrap's own names the same once more
  for file in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/resolv.conf /etc/hosts /usr/local/share/ca-certificates; do
    [ -e "$file" ] && cp -a "$file" "$1$(dirname "$file")/"
  done
}

# try_deb DEB DIR: what an operator does with the package, in a mount namespace of its own.
try_deb() {
  local deb=$1 root=$2
  bare_debian "$root"
  cp "$deb" "$root/root/templar.deb"
  cp scripts/try-package.sh "$root/root/"
  unshare --mount --propagation private sh -eu -c '
    for m in proc sys dev; do mount --rbind "/$m" "$0/$m"; done
    exec chroot "$0" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb /root/try-package.sh' "$root"
}

case $what in
  deb) make_deb "${2:-release}" ;;
  tar) make_tar "${2:-release}" ;;
  try) [ -n "${2:-}" ] || usage; try_deb "$2" "${3:-$PWD/build/bare-debian}" ;;
  *) usage ;;
esac
