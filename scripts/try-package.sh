#!/bin/sh
# On a bare Debian 12, by `scripts/package.sh try`: installs /root/templar.deb, founds a network as the user templar, runs a validator and a
# miner with the command lines of their units, looks at the network, and removes the package. There is no systemd in a chroot: what would
# start is what the units name.
set -eu
say() { echo "-- $*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
started=$(date +%s)
export DEBIAN_FRONTEND=noninteractive

say "install"
apt-get purge -y -qq templar >/dev/null 2>&1 || true # of a try before
rm -rf /var/lib/templar
apt-get update -qq
apt-get install -y -qq --no-install-recommends /root/templar.deb >/root/install.log 2>&1 || { tail -n 20 /root/install.log; fail "the package could not be installed"; }
templar --version
getent passwd templar >/dev/null || fail "no user templar"
[ -s /usr/share/man/man1/templar.1.gz ] || [ -e /etc/dpkg/dpkg.cfg.d/docker ] || fail "no manual page"
for role in miner validator evaluator; do [ -s "/usr/lib/systemd/system/templar-$role@.service" ] || fail "no unit for a $role"; done

say "found a network and join it"
as_templar() { su -s /bin/sh templar -c "cd /var/lib/templar && $*"; }
as_templar "templar data prepare /usr/share/common-licenses --max-bytes 400000 --sequence-length 32 --held-out-samples 64 --out data" >/root/data.log 2>&1 ||
  { tail -n 5 /root/data.log; fail "no data"; }
as_templar "templar network init net --data data --store store --set model.hidden_size=32 --set model.num_hidden_layers=1 --set model.intermediate_size=64 \
  --set inner.sequence_length=32 --set inner.batch_size=2 --set inner.steps=2 --set scoring.evaluation_samples=2 --set network.blocks_per_window=4 \
  --set network.block_seconds=1 --set network.put_window_seconds=2" || fail "the network could not be founded"
as_templar "templar network join net --role validator --folder net/validator --threads 1 --prepare" >/root/validator.log 2>&1 || { cat /root/validator.log; fail "validator"; }
as_templar "templar network join net --folder first --threads 1 --service" >/root/miner.log 2>&1 || { cat /root/miner.log; fail "miner"; }
grep -q "systemctl enable --now templar-miner@first" /root/miner.log || { cat /root/miner.log; fail "the package's unit was not found"; }
# As the unit says it.
command_of() { sed -n 's/^ExecStart=//p' "/usr/lib/systemd/system/templar-$1@.service" | sed "s|%i|$2|"; }
run_as_unit() { # ROLE FOLDER
  cd /var/lib/templar
  # shellcheck disable=SC2046  # a command and its words
  eval "exec setpriv --reuid templar --regid templar --clear-groups $(command_of "$1" "$2")"
}
run_as_unit validator net/validator >/root/validator.log 2>&1 &
validator=$!
run_as_unit miner first >/root/miner.log 2>&1 &
miner=$!
trap 'kill $validator $miner 2>/dev/null || true' EXIT
tries=0
until as_templar "templar network status net --json" >/root/status.json 2>&1 && grep -q '"name": "accepted"' /root/status.json; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || { cat /root/status.json /root/validator.log /root/miner.log; fail "no agreed window"; }
  sleep 1
done
as_templar "templar network status net"
say "the first agreed window after $(($(date +%s) - started)) s, the installation included"
kill -TERM $validator $miner
for node in $validator $miner; do
  code=0; wait "$node" || code=$?
  [ "$code" = 130 ] || fail "a node ended with exit code $code at SIGTERM"
done
trap - EXIT

say "remove"
apt-get purge -y -qq templar >/root/remove.log 2>&1 || { tail -n 20 /root/remove.log; fail "the package could not be removed"; }
grep -q "/var/lib/templar stays" /root/remove.log || fail "not said that the nodes' folders stay"
[ -s /var/lib/templar/first/node.key ] || fail "a node's key is gone"
[ ! -e /usr/bin/templar ] || fail "the program is still there"
rm -rf /var/lib/templar
echo "all checks passed"
