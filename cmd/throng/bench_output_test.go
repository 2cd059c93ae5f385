//go:build !race

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every build can write reports, because the binary contains the plotting code.
func TestEveryBuildWritesReports(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.html")
	code, stdout, stderr := outcome(t, throng(t, "bench", "connect", "--connections", "5", "--no-floor", "--html", page))
	if text, err := os.ReadFile(page); code != 0 || err != nil || !strings.Contains(string(text), "5 of 5") {
		t.Errorf("got exit %d, %v: %s%s", code, err, stdout, stderr)
	}
}
