#!/usr/bin/env bash
# Builds a version twice, the second time in a clone in another directory, and compares all files.
#
#   check.sh VERSION
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "$(git status --porcelain)" ]; then
  echo "dist-check: commit your changes first: the clone has only what is committed" >&2
  exit 1
fi
git clone -q . "$work/another/directory/throng"
cmd/throng/packaging/dist.sh "$1" "$work/here" >/dev/null
"$work/another/directory/throng/cmd/throng/packaging/dist.sh" "$1" "$work/there" >/dev/null
diff -r "$work/here" "$work/there"
echo "dist-check: $(find "$work/here" -type f | wc -l) files are the same in two builds"
