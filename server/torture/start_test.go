//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server that refuses its settings ends before it is ready: that is told, and nobody waits for it.
func TestATargetThatEndsIsAnError(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "server")
	script := "#!/bin/sh\n[ \"$2\" = --help ] || { echo refused >&2; exit 1; }\n"
	if err := os.WriteFile(binary, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := start(binary, attack{}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want what the server said", err)
	}
}
