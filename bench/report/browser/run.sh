#!/usr/bin/env bash
# Opens reports in Chromium and looks at them, with what the chat page's tests install.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"
exec ../../../server/web/browser/run.sh "$PWD/report.test.mjs"
