#!/usr/bin/env bash
# Tests the live page in Chromium, with the packages that the tests of the chat page install, and checks the types of its script.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"
../../web/browser/run.sh "$PWD/publication.test.mjs" "$PWD/live.test.mjs"
echo "browser tests: checking the types of server/live/src" >&2
../../web/browser/node_modules/.bin/tsc --project ..
