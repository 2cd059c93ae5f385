package datadir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree returns the name, the size and the time of each file in a directory.
func tree(t *testing.T, root string) (all string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		all += name + info.Mode().String() + info.ModTime().String() + "\n"
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Check finds what Open would, and changes nothing. A directory in use is no failure.
func TestCheckFindsWhatOpenWouldAndChangesNothing(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("foreign/photo.jpg", "x")
	write("other/throng.json", `{"format":1,"cluster":"d"}`)
	write("file", "x")
	if err := os.Symlink("nowhere", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	inUse := open(t, filepath.Join(root, "used"), "c")
	defer inUse.Close()
	ended := open(t, filepath.Join(root, "ended"), "c")
	if err := ended.Close(); err != nil {
		t.Fatal(err)
	}
	before := tree(t, root)
	for name, want := range map[string]string{
		"new": "", "used": "", "ended": "",
		"none/new": "create the parent directory", "file": "file", "link": "link", "foreign": "photo.jpg", "other": `cluster "d"`,
	} {
		path := filepath.Join(root, name)
		err := Check(path, Owner{Cluster: "c"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	if after := tree(t, root); after != before {
		t.Errorf("got\n%swant\n%s", after, before)
	}
}

// A file that another user has created, as by throng data of root, is named.
func TestCheckNamesAFileThatCannotBeChanged(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may change each file")
	}
	path := t.TempDir()
	open(t, path, "c").Close()
	file := filepath.Join(path, "jetstream", "1.blk")
	if err := os.WriteFile(file, nil, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := Check(path, Owner{Cluster: "c"}); !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want %s", err, file)
	}
}

// An operator may take the lock file for a remnant, and delete it.
func TestADeletedLockFileEndsNoLock(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d := open(t, path, "c")
	if err := os.Remove(filepath.Join(path, lockFile)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Open(path, Owner{Cluster: "c"}); !errors.As(err, new(*InUseError)) {
			t.Fatalf("got %v, want an InUseError", err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, "c").Close()
}

func TestARemovedDirectoryIsMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ remove, what string }{
		"all": {"", markerFile}, "the marker": {markerFile, markerFile}, "the engine": {engineDir, engineDir},
	} {
		path := filepath.Join(t.TempDir(), "data")
		d := open(t, path, "c")
		if err := d.Missing(); err != nil {
			t.Fatalf("%s: got %v before", name, err)
		}
		moved := filepath.Join(path, c.remove)
		if err := os.Rename(moved, path+".moved"); err != nil {
			t.Fatal(err)
		}
		if err := d.Missing(); err == nil || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%s: got %v, want an error that names %s", name, err, c.what)
		}
		if c.remove == "" {
			open(t, path, "c") // another one is in its place
			if err := d.Missing(); err == nil {
				t.Errorf("%s: a new directory counts as the old one", name)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(path+".moved", moved); err != nil {
			t.Fatal(err)
		}
		if err := d.Missing(); err != nil {
			t.Errorf("%s: got %v when it is back", name, err)
		}
	}
}
