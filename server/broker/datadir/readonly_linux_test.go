package datadir

import (
	"testing"

	"golang.org/x/sys/unix"
)

// readOnlyMount tests with a read-only file system, because root may write to each directory.
func readOnlyMount(t *testing.T) {
	path := t.TempDir()
	if err := unix.Mount("tmpfs", path, "tmpfs", unix.MS_RDONLY, "size=64k"); err != nil {
		t.Skipf("cannot mount a read-only file system: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	wantReadOnly(t, path)
}
