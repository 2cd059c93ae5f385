//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server that rejects its settings exits before it is ready. start returns an error at once.
func TestATargetThatEndsIsAnError(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "server")
	script := "#!/bin/sh\n[ \"$2\" = --help ] || { echo refused >&2; exit 1; }\n"
	if err := os.WriteFile(binary, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := start(binary, attack{}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want the server's log line", err)
	}
}
