package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func open(t *testing.T, path, cluster string) *Dir {
	t.Helper()
	d, err := Open(path, Owner{Cluster: cluster})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return d
}

// A child that is started at the wrong moment has a copy of the descriptor for a while.
func TestTheLockEndsWithACopyOfItsDescriptor(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d := open(t, path, "c")
	copied, err := unix.Dup(int(d.lock.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(copied)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, "c")
}

func TestANewDirectoryIsPrivateAndOpensAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data")
	d := open(t, path, "c")
	for _, p := range []string{path, d.Engine()} {
		info, err := os.Stat(p)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v; want mode 0700", p, info.Mode(), err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if again := open(t, path, "c"); again.Path() != path {
		t.Errorf("path: got %q, want %q", again.Path(), path)
	}
}

func TestASecondProcessIsRejectedWithThePID(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d := open(t, path, "c")
	_, err := Open(path, Owner{Cluster: "c"}) // a lock of flock belongs to the open file, so the same process gets the same answer
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() || inUse.Path != path {
		t.Fatalf("second Open: %v, want an InUseError with process %d", err, os.Getpid())
	}
	if want := fmt.Sprintf("in use by process %d", os.Getpid()); !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not have %q", err, want)
	}
	d.Close()
	open(t, path, "c")
}

func TestForeignDataIsRejectedAndLeftAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, text, want string
	}{
		"other files":    {"photo.jpg", "x", "no throng.json, and other files (photo.jpg)"},
		"another engine": {"jetstream/meta.inf", "x", "no throng.json, and other files (jetstream)"},
		"newer format":   {"throng.json", `{"format":2,"cluster":"c"}`, "format 2 of a newer version, and this version reads formats 1 to 1"},
		"other cluster":  {"throng.json", `{"format":1,"cluster":"d"}`, `cluster "d", and this is cluster "c"`},
		"other node":     {"throng.json", `{"format":1,"cluster":"c","node":"b"}`, `data of node "b", and this is node "a"`},
		"damaged":        {"throng.json", `{"form`, "damaged"},
		"empty":          {"throng.json", ``, "damaged"},
		"no format":      {"throng.json", `{}`, "damaged"},
		"no cluster":     {"throng.json", `{"format":1,"cluste2":"c"}`, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			file := filepath.Join(path, c.file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(c.text), 0o600)); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path, Owner{Cluster: "c", Node: "a"})
			var foreign *ForeignError
			if !errors.As(err, &foreign) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want a ForeignError with %q", err, c.want)
			}
			if text, err := os.ReadFile(file); err != nil || string(text) != c.text {
				t.Errorf("the file has %q afterwards (%v), want %q", text, err, c.text)
			}
			if again, err := Open(path, Owner{Cluster: "c", Node: "a"}); err == nil {
				again.Close()
				t.Error("the second Open succeeds")
			} else if errors.As(err, new(*InUseError)) {
				t.Errorf("the rejected Open keeps its lock: %v", err)
			}
		})
	}
}

func TestAHalfCreatedDirectoryIsFinished(t *testing.T) {
	t.Parallel()
	for _, files := range [][]string{{}, {"lock"}, {"lock", "throng.json.tmp"}, {"lost+found/"}} {
		path := t.TempDir()
		for _, f := range files {
			var err error
			if name, isDir := strings.CutSuffix(f, "/"); isDir {
				err = os.Mkdir(filepath.Join(path, name), 0o700)
			} else {
				err = os.WriteFile(filepath.Join(path, f), []byte("{"), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		open(t, path, "c").Close()
		open(t, path, "c")
	}
	// throng.json without the directory of the engine.
	path := t.TempDir()
	open(t, path, "c").Close()
	if err := os.Remove(filepath.Join(path, "jetstream")); err != nil {
		t.Fatal(err)
	}
	open(t, path, "c")
}

func TestAPathThatCannotBeADirectoryIsExplained(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "a", "b"), Owner{Cluster: "c"}); err == nil || !strings.Contains(err.Error(), "create the parent directory") {
		t.Errorf("without the parent: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Owner{Cluster: "c"}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file: %v", err)
	}
}

func TestAReadOnlyDirectoryIsExplained(t *testing.T) {
	if os.Getuid() == 0 {
		readOnlyMount(t)
		return
	}
	path := t.TempDir()
	if err := os.Chmod(path, 0o500); err != nil {
		t.Fatal(err)
	}
	wantReadOnly(t, path)
}

func wantReadOnly(t *testing.T, path string) {
	t.Helper()
	_, err := Open(path, Owner{Cluster: "c"})
	for _, err := range []error{Check(path, Owner{Cluster: "c"}), err} {
		if !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), "read-write") {
			t.Errorf("got error %v, want ErrReadOnly with advice", err)
		}
	}
}

func TestSpaceIsThatOfTheFileSystem(t *testing.T) {
	t.Parallel()
	d := open(t, t.TempDir(), "c")
	s, err := d.Space()
	if err != nil || s.Free <= 0 || s.Size < s.Free {
		t.Errorf("Space: %+v, %v", s, err)
	}
}

func TestTheFloorIsTheLargerOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		floor Floor
		size  int64
		want  int64
	}{
		{Floor{256, 5}, 1_000, 256},
		{Floor{256, 5}, 100_000, 5_000},
		{Floor{0, 0}, 100_000, 0},
		{Floor{0, 100}, 100_000, 100_000},
	} {
		if got := c.floor.Of(Space{Size: c.size}); got != c.want {
			t.Errorf("%+v of %d bytes: got %d, want %d", c.floor, c.size, got, c.want)
		}
	}
}
