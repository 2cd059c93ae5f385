#!/usr/bin/env bash
# Brings uPlot, which draws the plots of the report, into this folder, where the build embeds it. Does nothing where it is there.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"

version=1.6.32
archive="4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d  uplot-$version.tgz"
files="19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f  uPlot.iife.min.js
df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04  uPlot.min.css
8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd  LICENSE"

sum() {
  if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

if [ "$(sum uPlot.iife.min.js uPlot.min.css LICENSE 2>/dev/null)" = "$files" ]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "uPlot: npm is missing, which brings uPlot $version: install Node.js with npm" >&2
  exit 1
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
if ! said=$(npm pack --silent --pack-destination "$dir" "uplot@$version" 2>&1); then
  echo "uPlot: npm could not bring uplot@$version: $said" >&2
  exit 1
fi
if [ "$(cd "$dir" && sum "uplot-$version.tgz")" != "$archive" ]; then
  echo "uPlot: uplot-$version.tgz is not the file that was pinned here: it was not unpacked" >&2
  exit 1
fi
tar -xzf "$dir/uplot-$version.tgz" -C "$dir"
if [ "$(cd "$dir/package/dist" && mv ../LICENSE . && sum uPlot.iife.min.js uPlot.min.css LICENSE)" != "$files" ]; then
  echo "uPlot: the files in uplot-$version.tgz are not those that were pinned here" >&2
  exit 1
fi
cd "$dir/package/dist"
mv uPlot.iife.min.js uPlot.min.css LICENSE "$OLDPWD"
