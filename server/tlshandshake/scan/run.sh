#!/usr/bin/env bash
# Scans the TLS port with SSLyze, with each engine of the handshake. It starts a throng of its own, with a certificate of its own authority, and
# fails unless the port complies with Mozilla's "intermediate" configuration. SSLyze is installed once, into the user's cache.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/throng/sslyze

if [ ! -f "$cache/ready" ] || [ "$here/requirements.txt" -nt "$cache/ready" ]; then
  rm -rf "$cache" && mkdir -p "$cache"
  python3 -m venv "$cache/env"
  "$cache/env/bin/pip" -q --disable-pip-version-check install -r "$here/requirements.txt"
  touch "$cache/ready"
fi

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
(cd "$here/../../.." && go build -o "$work/throng" ./cmd/throng)

cd "$work"
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
{
  openssl req -x509 "${key[@]}" -days 30 -subj "/CN=throng test authority" -addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.crt
  openssl req -new "${key[@]}" -subj /CN=localhost -keyout tls.key -out tls.csr
  printf '%s\n' subjectAltName=DNS:localhost basicConstraints=CA:FALSE keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth >extensions
  openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out tls.crt
} 2>openssl.log || { cat openssl.log; exit 1; }

failed=0
for engine in llib std; do
  printf '[tls]\nengine = "%s"\ncert = ["tls.crt"]\nkey = ["tls.key"]\n' "$engine" >throng.toml
  port=$((10000 + RANDOM % 9000))
  ./throng serve --config throng.toml --listen off --admin off --tls-listen "127.0.0.1:$port" 2>server.log &
  server=$!
  for _ in $(seq 100); do
    grep -qs '"ready"' server.log && break
    kill -0 "$server" 2>/dev/null || { cat server.log; exit 1; }
    sleep 0.1
  done
  if "$cache/env/bin/sslyze" --mozilla_config intermediate --certinfo_ca_file ca.crt "localhost:$port" >report 2>scan.log; then
    echo "tlsscan: $engine: complies with Mozilla's intermediate configuration"
  else
    cat report scan.log
    echo "tlsscan: $engine: FAILED"
    failed=1
  fi
  kill "$server"
  wait "$server" || true
  server=
done
exit "$failed"
