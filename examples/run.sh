#!/usr/bin/env bash
# Runs the tests of the examples, and follows the quick start of docs/. It installs what the examples need, pinned.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"
# The quick start builds throng in a copy of the sources: with this flag, its packages are those that the other tests have compiled.
export GOFLAGS="${GOFLAGS:-} -trimpath"

for tool in npm python3 curl openssl; do
  if ! command -v "$tool" >/dev/null; then
    echo "examples: $tool is missing" >&2
    exit 1
  fi
done
for example in node-express-react bot; do
  if [ ! "$example/node_modules/.package-lock.json" -nt "$example/package-lock.json" ]; then
    npm ci --prefix "$example" --no-audit --no-fund --loglevel=error
  fi
done
# The mark is made last, so that half an installation is begun anew.
if [ ! python-fastapi/venv/installed -nt python-fastapi/requirements.txt ]; then
  rm -rf python-fastapi/venv
  python3 -m venv python-fastapi/venv
  python-fastapi/venv/bin/pip install -q --disable-pip-version-check --require-hashes -r python-fastapi/requirements.txt
  touch python-fastapi/venv/installed
fi

if [ $# = 0 ]; then
  set -- programs pages quick_start
fi
files=()
for name in "$@"; do files+=("$PWD/test/$name.test.mjs"); done
exec ../server/web/browser/run.sh "${files[@]}"
