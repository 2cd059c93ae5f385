#!/usr/bin/env bash
# Builds what users install into dist/: for each platform a tar.gz with the binary, the settings and the unit; for Linux a .deb, a .rpm and
# the container image (an OCI archive for both architectures); the Helm chart and the compose file; an SBOM (CycloneDX) of each binary;
# SHA256SUMS. Two runs on one commit make the same bytes: no file has the time or the place of its build.
#
#   dist.sh VERSION [DIRECTORY]
set -euo pipefail
version=$1
out=${2:-dist}
NFPM=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0                  # .deb and .rpm without the tools of a distribution
SBOM=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 # the modules of a binary, from its build information
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH CGO_ENABLED=0
export GOFLAGS="-trimpath -buildvcs=false"

# The tools run on this machine, for each platform of the binary.
go build -o "$work/host" -ldflags "-s -w -X main.version=$version -X main.commit=$commit" ./cmd/throng
GOBIN=$work/tools go install "$NFPM"
GOBIN=$work/tools go install "$SBOM"
go -C cmd/throng/packaging build -o "$work/tools/image" ./image

# Files that all archives and packages have.
share=$work/share
mkdir -p "$share/completion"
"$work/host" man | gzip -9 -n >"$share/throng.1.gz"
for shell in bash zsh fish; do
  "$work/host" completion "$shell" >"$share/completion/throng.$shell"
done
cp README.md LICENSE CHANGELOG.md cmd/throng/throng.toml "$share"
sed 's|/usr/local/bin|/usr/bin|' cmd/throng/throng.service >"$share/throng.service"

# archive DIRECTORY NAME writes NAME in DIRECTORY as a tar.gz, in the order of names, with the time of the commit and root as the owner.
archive() {
  tar -C "$1" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u+rwX,go+rX,go-w -cf - "$2" | gzip -9 -n
}

for platform in linux/amd64 linux/arm64 darwin/arm64; do
  os=${platform%/*} arch=${platform#*/}
  name=throng_${version}_${os}_$arch
  tree=$work/$name
  mkdir -p "$tree"
  GOOS=$os GOARCH=$arch go build -o "$tree/throng" -ldflags "-s -w -X main.version=$version -X main.commit=$commit" ./cmd/throng
  "$work/tools/cyclonedx-gomod" bin -json -noserial -version "$version" -output "$out/$name.sbom.json" "$tree/throng"
  # The SBOM has the time of the build; the commit's takes its place.
  sed -i -E "s/\"timestamp\": \"[^\"]*\"/\"timestamp\": \"$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)\"/" "$out/$name.sbom.json"
  cp -r "$share/." "$tree"
  cp cmd/throng/throng.service "$tree" # the files of an archive are installed in /usr/local
  archive "$work" "$name" >"$out/$name.tar.gz"
  if [ "$os" = linux ]; then
    for packager in deb rpm; do
      VERSION=$version ARCH=$arch BINARY=$tree/throng SHARE=$share \
        "$work/tools/nfpm" package --config cmd/throng/packaging/nfpm.yaml --packager $packager --target "$out/$name.$packager" >/dev/null
    done
  fi
done
binary() { echo "$1=$work/throng_${version}_linux_$1/throng"; }
"$work/tools/image" --version "$version" --commit "$commit" --out "$out/throng_${version}_image.tar" "$(binary amd64)" "$(binary arm64)"
# The chart and the compose file name the image of this version.
cp -r cmd/throng/packaging/helm "$work"
sed -i -E "s/^(version|appVersion): .*/\1: $version/" "$work/helm/throng/Chart.yaml"
archive "$work/helm" throng >"$out/throng_${version}_chart.tgz"
sed -E "s/(image: throng:).*/\1$version/" cmd/throng/packaging/compose.yaml >"$out/throng_${version}_compose.yaml"
(cd "$out" && sha256sum throng_"$version"_* >SHA256SUMS)
ls -l "$out"
