#!/usr/bin/env bash
# Builds the peers, with which throng is compared, into a directory. Prints the peers that it skips, and the reasons.
#   build.sh OUTDIR
set -u
out=$(mkdir -p "${1:?usage: build.sh OUTDIR}" && cd "$1" && pwd) || exit 2
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2

skip() { echo "peers: $1 is skipped: $2" >&2; }

# Runs a command, and prints its output only if it fails.
quietly() {
  local output
  output=$("$@" 2>&1) || { echo "$output" >&2; return 1; }
}

# Writes the script that starts a peer: launcher NAME COMMAND...
launcher() {
  local name=$1
  shift
  { echo '#!/bin/sh'; printf 'exec'; printf " '%s'" "$@"; echo ' "$@"'; } >"$out/$name" && chmod +x "$out/$name"
}

compiled() { quietly cc -O2 -o "$out/$1" "$1/$1.c"; }

of_go() { (cd "$1" && GOFLAGS=-mod=readonly quietly go build -o "$out/$1" .); }

of_rust() {
  quietly cargo build --quiet --release --manifest-path "$1/Cargo.toml" --target-dir "$out/rust" &&
    cp "$out/rust/release/$1-peer" "$out/$1"
}

of_node() {
  local app=$out/$1-app
  mkdir -p "$app" && cp "$1/package.json" "$1/server.js" "$app" &&
    quietly npm install --prefix "$app" --no-audit --no-fund --no-package-lock --loglevel=error &&
    launcher "$1" node "$app/server.js"
}

# The package socketify contains uWebSockets (C++) as a binary.
of_python() {
  local venv=$out/$1-venv
  if [ ! -f "$venv/ready" ] || [ "$1/requirements.txt" -nt "$venv/ready" ]; then
    rm -rf "$venv"
    quietly python3 -m venv "$venv" &&
      quietly "$venv/bin/pip" --disable-pip-version-check install -r "$1/requirements.txt" && touch "$venv/ready" || return 1
  fi
  quietly "$venv/bin/python" -c 'import socketify' && launcher "$1" "$venv/bin/python" "$PWD/$1/server.py"
}

# build TOOL HOW PEER...
build() {
  local tool=$1 how=$2
  shift 2
  for peer; do
    rm -f "$out/$peer"
    if ! command -v "$tool" >/dev/null; then
      skip "$peer" "$tool is not installed"
    elif ! "$how" "$peer"; then
      skip "$peer" "the build failed"
    fi
  done
}

build cc compiled floor
build go of_go gws gorilla coder nbio centrifuge
build cargo of_rust axum
build npm of_node node-ws socketio
build python3 of_python uws
