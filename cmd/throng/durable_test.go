package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker/datadir"
)

// One process at a time uses a data directory, and throng uses no directory of others.
func TestADataDirectoryInUseIsExitCode3(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	held, err := datadir.Open(dir, datadir.Owner{Cluster: "throng"})
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr := outcome(t, throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off", "--data", dir))
	if want := fmt.Sprintf("process %d", os.Getpid()); code != exitInUse || !strings.Contains(stderr, want) {
		t.Errorf("got exit %d and %q, want %d and %q", code, stderr, exitInUse, want)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "photo.jpg"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = outcome(t, throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off", "--data", foreign))
	if code != exitInUse || !strings.Contains(stderr, foreign) {
		t.Errorf("a directory of others: got exit %d and %q, want %d", code, stderr, exitInUse)
	}
}

// A durable room without a data directory is an error in the settings.
func TestADurableRoomNeedsADataDirectory(t *testing.T) {
	t.Parallel()
	const config = "[[room]]\npattern = \"d:*\"\nhistory-size = 10\nhistory-ttl = \"1h\"\ndurable = true\n"
	code, _, stderr := outcome(t, throng(t, "serve", "--check", "--config", written(t, config)))
	if code != exitUsage || !strings.Contains(stderr, "--data DIR") {
		t.Errorf("got exit %d and %q, want %d and the flag", code, stderr, exitUsage)
	}
}

// The check names what the start would not be able to open, with its place in the file, and creates nothing.
func TestTheCheckNamesFilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "photo.jpg"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := written(t, "data = '"+dir+"'\naudit-log = '"+dir+"/none/audit.log'\n")
	code, _, stderr := outcome(t, throng(t, "serve", "--check", "--config", config))
	for _, want := range []string{config + ":1:1: data = ", "photo.jpg", config + ":2:1: audit-log = ", "create a file in " + dir + "/none: no such file"} {
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("got exit %d and %q, want %d and %q", code, stderr, exitUsage, want)
		}
	}
	unused := filepath.Join(t.TempDir(), "data")
	code, stdout, _ := outcome(t, throng(t, "serve", "--check", "--data", unused, "--audit-log", unused+".log"))
	if code != 0 || !strings.HasPrefix(stdout, "ok: ") {
		t.Errorf("got exit %d and %q, want ok", code, stdout)
	}
	if entries, err := os.ReadDir(filepath.Dir(unused)); err != nil || len(entries) > 0 {
		t.Errorf("got %v, %v: want nothing created", entries, err)
	}
}
