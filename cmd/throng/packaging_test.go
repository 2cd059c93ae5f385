package main

import (
	"os"
	"regexp"
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
