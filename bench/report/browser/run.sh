#!/usr/bin/env bash
# Tests reports in Chromium, with the packages that the tests of the chat page install.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"
exec ../../../server/web/browser/run.sh "$PWD/report.test.mjs"
