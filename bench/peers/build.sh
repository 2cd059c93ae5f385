#!/usr/bin/env bash
# Builds the peers that throng is measured against into a folder, and says which it could not build.
#   build.sh OUTDIR
set -u
out=$(mkdir -p "${1:?usage: build.sh OUTDIR}" && cd "$1" && pwd) || exit 2
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2

skip() { echo "peers: $1 is skipped: $2" >&2; }

if command -v cc >/dev/null; then
  cc -O2 -o "$out/floor" floor/floor.c || exit 1
else
  skip floor "no C compiler"
fi
for peer in gws gorilla; do
  (cd "$peer" && GOFLAGS=-mod=readonly go build -o "$out/$peer" .) || skip "$peer" "it does not build here"
done

# uWebSockets (C++) comes prebuilt in the package socketify.
if command -v python3 >/dev/null; then
  venv=$out/uws-venv
  if [ ! -f "$venv/ready" ] || [ uws/requirements.txt -nt "$venv/ready" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv" && "$venv/bin/pip" -q --disable-pip-version-check install -r uws/requirements.txt && touch "$venv/ready"
  fi
  if [ -f "$venv/ready" ] && "$venv/bin/python" -c 'import socketify' 2>/dev/null; then
    printf '#!/bin/sh\nexec "%s/bin/python" "%s/uws/server.py" "$@"\n' "$venv" "$PWD" >"$out/uws" && chmod +x "$out/uws"
  else
    skip uws "socketify does not install or load here"
  fi
else
  skip uws "no python3"
fi
