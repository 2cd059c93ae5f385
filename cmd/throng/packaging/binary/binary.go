// Package binary builds throng for the tests of the packages around it.
package binary

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var dir string // of the binary; empty before the first call of Throng

// Throng builds throng for this machine, once in a process, and returns its path. Any goroutine may call it.
var Throng = sync.OnceValues(func() (string, error) {
	module, err := exec.Command("go", "env", "GOMOD").Output() // of this module, in cmd/throng/packaging
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	if dir, err = os.MkdirTemp("", "throng-packaging-test-"); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "throng")
	build := exec.Command("go", "build", "-o", path, "./cmd/throng")
	build.Dir = filepath.Join(filepath.Dir(string(module)), "../../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build throng: %w: %s", err, out)
	}
	return path, nil
})

// Main is TestMain of a package that calls Throng: it removes the binary after the tests.
func Main(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil { // without effect if dir is empty
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}
