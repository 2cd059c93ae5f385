#!/usr/bin/env bash
# Runs the real SDKs against the server: installs them, pinned, and what they need.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"

for tool in python3 npm; do
  if ! command -v "$tool" >/dev/null; then
    echo "SDK tests: $tool is missing: Python 3.11 or later, and Node.js 20.11 or later with npm, are needed" >&2
    exit 1
  fi
done
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "SDK tests: $(python3 --version) is too old: 3.11 or later is needed" >&2
  exit 1
fi

if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
fi

# The mark is made last, so that half an installation is begun anew.
if [ ! venv/installed -nt python/requirements.txt ] || [ ! venv/installed -nt python/source.txt ]; then
  rm -rf venv source
  if ! python3 -m ensurepip --version >/dev/null 2>&1; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
      echo "SDK tests: python3 has no venv: install it (on Debian: apt-get install python3-venv)" >&2
      exit 1
    fi
    echo "SDK tests: installing Debian's python3-venv" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
  fi
  python3 -m venv venv
  venv/bin/pip install -q --disable-pip-version-check --require-hashes -r python/requirements.txt
  venv/bin/pip download -q --disable-pip-version-check --require-hashes --no-deps --no-binary :all: -r python/source.txt -d source
  touch venv/installed
fi

go build -C go -o driver .

# Java is optional: a test that is skipped reports that it is missing.
if command -v mvn >/dev/null && command -v javac >/dev/null && command -v keytool >/dev/null; then
  if [ ! java/classes/installed -nt java/pom.xml ] || [ -n "$(find java -name '*.java' -newer java/classes/installed)" ]; then
    rm -rf java/lib java/classes
    mvn -q -B -f java dependency:copy-dependencies "-DoutputDirectory=$PWD/java/lib"
    javac -cp 'java/lib/*' -d java/classes java/*.java
    touch java/classes/installed
  fi
fi

exec ../web/browser/run.sh "$PWD"/{scenarios,chat,community,api,protocol,context,fallback,tls,own,importing}.test.js
