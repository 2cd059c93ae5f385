#!/usr/bin/env bash
# Installs a .deb on a bare Debian in a directory of its own, serves, checks the health, follows the quick start, installs it again, removes and
# purges it, and upgrades to it from a version with another config file. Then it does the same with the .rpm beside it, without the quick start. It
# needs root and a mirror of Debian. It uses the network of this machine: ports 18090 and 18091 must be free, and 3000, 3001 and 8080 for the quick
# start, which needs Node.js and Chromium.
#
#   try.sh FILE.deb
set -eu
deb=$(realpath "$1")
rpm=${deb%.deb}.rpm
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
root=$work/root

debootstrap=$(command -v debootstrap || true)
if [ -z "$debootstrap" ] && command -v apt-get >/dev/null; then
  echo "dist-test: getting debootstrap from Debian's package, without installing it" >&2
  (cd "$work" && apt-get download -qq debootstrap 2>/dev/null || { apt-get update -qq && apt-get download -qq debootstrap; })
  dpkg -x "$work"/debootstrap_*.deb "$work/package"
  debootstrap=$work/package/usr/sbin/debootstrap
  export DEBOOTSTRAP_DIR=$work/package/usr/share/debootstrap
fi
[ -n "$debootstrap" ] || { echo "dist-test: debootstrap is missing: install its package" >&2; exit 1; }
"$debootstrap" --variant=minbase --include=openssl,curl,ca-certificates,rpm bookworm "$root" >"$work/debootstrap.log" 2>&1 || { tail -5 "$work/debootstrap.log" >&2; exit 1; }
cp "$deb" "$root/throng.deb"
in_root() { chroot "$root" "$@"; }
step() { echo "dist-test: $*"; }
fail() { echo "dist-test: FAILED: $*" >&2; exit 1; }

# serves starts the server with the settings of the package, and stops it.
serves() {
  in_root throng serve --check --config /etc/throng/throng.toml >/dev/null || fail "the config file of the package is invalid"
  chroot "$root" throng serve --config /etc/throng/throng.toml --data /var/lib/throng --listen 127.0.0.1:18090 --admin 127.0.0.1:18091 2>"$work/serve.log" &
  server=$!
  for _ in $(seq 600); do
    in_root throng health --admin http://127.0.0.1:18091 >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || { cat "$work/serve.log" >&2; fail "the server ended"; }
    sleep 0.1
  done
  step "serves: $(in_root throng health --admin http://127.0.0.1:18091)"
  kill "$server"
  wait "$server" || fail "the server ended with exit code $?"
  server=
}

in_root dpkg -i /throng.deb >/dev/null
step "installed: $(in_root throng version | head -1)"
in_root test -x /usr/bin/throng -a -f /lib/systemd/system/throng.service -a -f /etc/throng/throng.toml || fail "files are missing"
serves

# The Node.js of this machine, because that of bookworm is too old for the quick start.
if command -v node npm chromium >/dev/null; then
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs" # npm reaches its registry as on this machine, also through a proxy
  npm=$(readlink -f "$(command -v npm)")
  install -D "$(readlink -f "$(command -v node)")" "$root/usr/local/bin/node"
  mkdir -p "$root/usr/local/lib/node_modules"
  cp -r "${npm%/bin/npm-cli.js}" "$root/usr/local/lib/node_modules"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  QUICK_START_ROOT=$root server/web/browser/run.sh "$PWD/examples/test/quick_start.test.mjs" >"$work/quick-start.log" 2>&1 || { cat "$work/quick-start.log" >&2; fail "the quick start"; }
  step "the quick start leads to a chat"
else
  step "NOT FOLLOWED: the quick start needs node, npm and chromium"
fi

# The example without libraries, in each of its languages. Its server has the ports of serves.
in_root apt-get install -qq -y --no-install-recommends php-cli ruby >"$work/apt.log" 2>&1 || { tail -5 "$work/apt.log" >&2; fail "php and ruby"; }
cp -r examples/raw-http "$root/root"
in_root bash -eu -o pipefail -c '
  cd /root/raw-http
  export THRONG_TOKEN_HMAC_SECRET=$(openssl rand -hex 32) THRONG_API_KEY=$(openssl rand -hex 16) THRONG=http://127.0.0.1:18090
  throng serve --config throng.toml --listen 127.0.0.1:18090 --admin 127.0.0.1:18091 2>/dev/null &
  trap "kill $!; wait $!" EXIT
  for _ in $(seq 600); do ! throng health --admin http://127.0.0.1:18091 >/dev/null 2>&1 || break; sleep 0.1; done
  ./publish.sh news hello | grep -q result
  ./token.sh ann | throng token check --config throng.toml
  php throng.php news hello | throng token check --config throng.toml
  ruby throng.rb news hello | throng token check --config throng.toml
' >"$work/raw-http.log" 2>&1 || { cat "$work/raw-http.log" >&2; fail "the example raw-http"; }
step "the example raw-http publishes from a shell, PHP and Ruby, and makes tokens"

echo '# a setting of the administrator' >>"$root/etc/throng/throng.toml"
in_root dpkg -i /throng.deb >/dev/null
tail -1 "$root/etc/throng/throng.toml" | grep -q administrator || fail "a second installation replaced the config file"
step "a second installation keeps the config file"
in_root dpkg --remove throng >/dev/null
[ -e "$root/etc/throng/throng.toml" ] && [ ! -e "$root/usr/bin/throng" ] || fail "remove left the binary, or took the config file"
in_root dpkg --purge throng >/dev/null
[ ! -e "$root/etc/throng/throng.toml" ] && [ -d "$root/var/lib/throng" ] || fail "purge left the config file, or took the data"
step "remove keeps the config file and the data, purge the data"

in_root dpkg-deb -R /throng.deb /older
sed -i 's/^Version: .*/Version: 0.0.1/' "$root/older/DEBIAN/control"
sed -i '1i # the config file of an older version' "$root/older/etc/throng/throng.toml"
in_root dpkg-deb -b /older /older.deb >/dev/null
in_root dpkg -i /older.deb >/dev/null
in_root dpkg -i /throng.deb >/dev/null
! grep -q older "$root/etc/throng/throng.toml" || fail "an upgrade kept a config file without changes"
in_root dpkg --purge throng >/dev/null
in_root dpkg -i /older.deb >/dev/null
echo '# a setting of the administrator' >>"$root/etc/throng/throng.toml"
in_root dpkg -i --force-confold /throng.deb >/dev/null
tail -1 "$root/etc/throng/throng.toml" | grep -q administrator || fail "an upgrade replaced a config file with changes"
[ -e "$root/etc/throng/throng.toml.dpkg-dist" ] || fail "an upgrade left no copy of the new config file"
step "an upgrade keeps the changes of the administrator: $(in_root dpkg -s throng | sed -n 's/^Version: //p')"
serves
in_root dpkg --purge throng >/dev/null

# The rpm of the root has no other packages, so it does not know those that a dependency names: there are none.
cp "$rpm" "$root/throng.rpm"
in_rpm() { in_root rpm --force-debian --nodeps "$@"; }
needs=$(in_root rpm -qp --requires /throng.rpm)
[ -z "$(grep -vE '^(rpmlib|/bin/sh|config\()' <<<"$needs")" ] || fail "the .rpm depends on $needs"
in_rpm -i /throng.rpm
in_root test -f /usr/lib/systemd/system/throng.service -a -f /usr/share/zsh/site-functions/_throng || fail "files of the .rpm are missing"
in_rpm -V throng || fail "rpm --verify"
step "installed by rpm: $(in_root throng version | head -1)"
serves
echo '# a setting of the administrator' >>"$root/etc/throng/throng.toml"
in_rpm -U --replacepkgs /throng.rpm
tail -1 "$root/etc/throng/throng.toml" | grep -q administrator || fail "an upgrade by rpm replaced the config file"
in_rpm -e throng
[ -e "$root/etc/throng/throng.toml.rpmsave" ] && [ ! -e "$root/usr/bin/throng" ] || fail "rpm left the binary, or took the config file"
step "rpm keeps the config file in an upgrade, and a changed one after the removal"
