package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The chart, the compose file and the documentation name the version of throng.
func TestPackagesHaveTheVersionOfThrong(t *testing.T) {
	t.Parallel()
	for file, pattern := range map[string]string{
		"../../Makefile":                   `VERSION +\?= (\S+)`,
		"packaging/helm/throng/Chart.yaml": `\n(?:version|appVersion): (\S+)`,
		"packaging/compose.yaml":           `image: throng:(\S+)`,
		"../../docs/install.md":            `throng[:_](\d+\.\d+\.\d+)`,
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindAllSubmatch(text, -1)
		if len(found) == 0 {
			t.Errorf("%s: found no version", file)
		}
		for _, f := range found {
			if got := string(f[1]); got != version {
				t.Errorf("%s: got the version %s, want %s", file, got, version)
			}
		}
	}
}

// The unit has no capabilities, and PrivateUsers takes the effect of those that a page adds.
func TestTheUnitsOfThePagesMayUseAPortBelow1024(t *testing.T) {
	t.Parallel()
	found := 0
	for _, page := range docsFiles(t) {
		for _, block := range regexp.MustCompile("(?s)```ini\n(.+?)```").FindAllStringSubmatch(readDoc(t, docsRoot, page), -1) {
			if !strings.Contains(block[1], "AmbientCapabilities=CAP_NET_BIND_SERVICE\n") {
				continue
			}
			found++
			for _, line := range []string{"CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n", "PrivateUsers=no\n"} {
				if !strings.Contains(block[1], line) {
					t.Errorf("%s: a change of the unit has no line %q", page, line)
				}
			}
		}
	}
	if found == 0 {
		t.Error("got no change of the unit in the pages")
	}
}
