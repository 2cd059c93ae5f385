#!/usr/bin/env bash
# Runs browser tests: installs what they need, and drives Chromium. They are those of the page, or of the files that are named.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"

for tool in go node npm openssl; do
  if ! command -v "$tool" >/dev/null; then
    echo "browser tests: $tool is missing: Go, OpenSSL, and Node.js 20.11 or later with npm, are needed" >&2
    exit 1
  fi
done
if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 11) ? 0 : 1)'; then
  echo "browser tests: node $(node --version) is too old: 20.11 or later is needed" >&2
  exit 1
fi

# npm writes the inner lock last, so it is as old as the installation.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error
fi

# Without files it is the page's turn: its sources have to be correct by the compiler's strict rules.
if [ $# = 0 ]; then
  echo "browser tests: checking the types of server/web/src" >&2
  node_modules/.bin/tsc --project ..
fi

# Most tests run in the headless shell, where there is one.
if [ -z "${CHROMIUM:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v chromium-headless-shell >/dev/null; then
  echo "browser tests: installing Debian's chromium-headless-shell" >&2
  if ! { timeout 60 apt-get update -qq && DEBIAN_FRONTEND=noninteractive timeout 120 apt-get install -y -qq --no-install-recommends chromium-headless-shell; } >/dev/null; then
    echo "browser tests: it cannot be installed: the whole browser runs all tests, for more CPU time" >&2
  fi
fi
if ! node chromium.js >/dev/null; then
  if [ -n "${CHROMIUM:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    exit 1 # chromium.js has said what to do
  fi
  echo "browser tests: installing Debian's chromium" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
  node chromium.js >/dev/null
fi

# All files use one binary. The files run side by side, more than there are cores, because the tests wait most of the time: for timeouts of
# clients, for tokens that expire, for Chromium.
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
export BINARY_OF_TESTS=$built/throng
(cd ../../.. && go build -o "$BINARY_OF_TESTS" ./cmd/throng)

# The timeout is for a whole file; each test has its own.
if [ $# = 0 ]; then
  set -- *.test.js
fi
node --test --test-reporter=spec --test-timeout=900000 --test-concurrency=3 "$@"
