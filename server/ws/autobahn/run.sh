#!/usr/bin/env bash
# The Autobahn test suite against the plain room: a room with one member is an echo. It starts a throng of its own, runs
# sections 1-7, 9, 10, 12 and 13 (9 is about large messages; 12 and 13 are about compression). Twelve cases of section 9 and
# ten of section 12 send messages in more than the 64 fragments that throng allows, so it is built with a higher limit. The
# script fails unless each case is OK, or INFORMATIONAL where the suite has no verdict.
#
#   run.sh [--tls ENGINE] [CASES]
#
#   CASES          such as '6.4.*'; the default is all of the above
#   --tls ENGINE   over wss, with this engine of the TLS handshake: llib or std
#
# The suite is old and needs Python 2.7 (PYTHON27 names one; else python2.7, or pyenv's). It is installed once, into the
# user's cache.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/throng/autobahn
engine=
if [ "${1:-}" = --tls ]; then
  engine=$2
  shift 2
fi
cases=${1:-1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.*,13.*}

python27() {
  for p in "${PYTHON27:-}" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7.*/bin/python2.7 "$(command -v python2.7 || true)"; do
    if [ -x "$p" ] && "$p" -c 'import ssl, zlib' 2>/dev/null; then echo "$p" && return; fi
  done
  echo "autobahn: no usable Python 2.7: install one, or name it in PYTHON27" >&2
  return 1
}

if [ ! -f "$cache/ready" ] || [ "$here/requirements.txt" -nt "$cache/ready" ]; then
  old=$(python27)
  rm -rf "$cache" && mkdir -p "$cache"
  python3 -m venv "$cache/tools"
  # The last virtualenv that makes environments of Python 2.7.
  "$cache/tools/bin/pip" -q --disable-pip-version-check install 'virtualenv==20.21.1'
  "$cache/tools/bin/virtualenv" -q -p "$old" "$cache/env"
  "$cache/env/bin/pip" -q --no-python-version-warning --disable-pip-version-check install 'setuptools==44.0.0' 'wheel==0.36.2' 'incremental==16.10.1'
  "$cache/env/bin/pip" -q --no-python-version-warning --disable-pip-version-check install --no-deps --no-build-isolation -r "$here/requirements.txt"
  touch "$cache/ready"
fi

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
limits=$(cd "$here/../../fanout" && pwd)/limits.go
sed "s/maxFragments \+= 64\b/maxFragments = 1 << 20/" "$limits" >"$work/limits.go"
if cmp -s "$limits" "$work/limits.go"; then
  echo "autobahn: found no maxFragments in $limits" >&2
  exit 1
fi
echo "{\"Replace\": {\"$limits\": \"$work/limits.go\"}}" >"$work/overlay.json"
(cd "$here/../../.." && go build -overlay "$work/overlay.json" -o "$work/throng" ./cmd/throng)
port=$((10000 + RANDOM % 9000))
address=127.0.0.1:$port
# Section 9 sends messages of up to 16 MiB. Sections 12 and 13 send 1,000 messages of up to 128 KiB at once.
flags=(--admin off --rate 0 --rate-bytes 0 --max-message 16MiB --max-unsent 64MiB)
if [ -n "$engine" ]; then
  url=wss://$address
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -keyout "$work/tls.key" -out "$work/tls.crt" 2>"$work/openssl.log" || { cat "$work/openssl.log"; exit 1; }
  cat >"$work/throng.toml" <<TOML
[tls]
engine = "$engine"
cert = ["tls.crt"]
key = ["tls.key"]
TOML
  flags+=(--config "$work/throng.toml" --listen 127.0.0.1:0 --tls-listen "$address")
else
  url=ws://$address
  flags+=(--listen "$address")
fi
"$work/throng" serve "${flags[@]}" 2>"$work/server.log" &
server=$!
for _ in $(seq 100); do
  grep -qs '"ready"' "$work/server.log" && break
  if ! kill -0 "$server" 2>/dev/null; then
    cat "$work/server.log"
    exit 1
  fi
  sleep 0.1
done

set -f # the cases are patterns of the suite, not of files
quoted=$(printf '"%s",' ${cases//,/ })
cat >"$work/spec.json" <<JSON
{"outdir": "$work/report", "servers": [{"agent": "throng", "url": "$url/ws"}],
 "cases": [${quoted%,}], "exclude-cases": [], "exclude-agent-cases": {}}
JSON
"$cache/env/bin/wstest" -m fuzzingclient -s "$work/spec.json" >"$work/suite.log" 2>&1 || { tail -5 "$work/suite.log"; exit 1; }

python3 - "$work/report/index.json" <<'PY'
import collections, json, sys
results = json.load(open(sys.argv[1]))["throng"]
verdicts = collections.Counter(r["behavior"] for r in results.values())
bad = {case: r for case, r in results.items()
       if r["behavior"] not in ("OK", "INFORMATIONAL") or r["behaviorClose"] not in ("OK", "INFORMATIONAL")}
for case, r in sorted(bad.items(), key=lambda kv: [int(n) for n in kv[0].split(".")]):
    print(f"{case}: {r['behavior']}, close {r['behaviorClose']} {r['remoteCloseCode']}")
print("autobahn:", ", ".join(f"{n} {v}" for v, n in verdicts.most_common()))
print(f"{len(results) - len(bad)} passed, {len(bad)} failed")
sys.exit(bool(bad) or not results)
PY
