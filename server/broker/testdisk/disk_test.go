//go:build linux

package testdisk

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A part that changes after it was copied makes the copy invalid, and the next copy has it.
func TestASnapshotIsOfOneMoment(t *testing.T) {
	dir := t.TempDir()
	image, to := filepath.Join(dir, "image"), filepath.Join(dir, "copy")
	first := bytes.Repeat([]byte("a"), 3<<20)
	if err := os.WriteFile(image, first, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Snapshot(image, to); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(64 << 20); err != nil { // a hole, and data behind it
		t.Fatal(err)
	}
	for _, at := range []int64{2<<20 + 5, 48 << 20} {
		if _, err := f.WriteAt([]byte("b"), at); err != nil {
			t.Fatal(err)
		}
		if err := eachExtent(image, to, compareExtent); !errors.Is(err, errChanged) {
			t.Errorf("got error %v for a change at %d, want errChanged", err, at)
		}
		if err := Snapshot(image, to); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the copy differs from the image, error %v", err)
		}
	}
}

// An image that changes all the time has no snapshot.
func TestASnapshotOfABusyImageFails(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "image")
	if err := os.WriteFile(image, []byte{0}, 0o600); err != nil {
		t.Fatal(err)
	}
	n := byte(0)
	err := eachExtent(image, filepath.Join(dir, "copy"), func(in io.ReaderAt, out *os.File, at, size int64) error {
		if err := copyExtent(in, out, at, size); err != nil {
			return err
		}
		n++
		return errors.Join(os.WriteFile(image, []byte{n}, 0o600), compareExtent(in, out, at, size))
	})
	if !errors.Is(err, errChanged) {
		t.Errorf("got error %v, want errChanged", err)
	}
}
