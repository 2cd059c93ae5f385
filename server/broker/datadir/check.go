package datadir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Check returns why Open would fail. It creates, changes and locks nothing, and a directory that another process uses is no failure. It also
// names a file in the directory that this process may not change, such as one that root has created.
func Check(path string, by Owner) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return explain(path, "find", err)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
			return explain(path, "create", err)
		}
		return nil
	}
	if err := checkContents(path); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(path, markerFile))
	if err == nil {
		err = checkMarker(path, text, by)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil // Open writes it
	} else {
		err = explain(path, "read "+markerFile, err)
	}
	if err != nil {
		return err
	}
	return filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Name() == "lost+found" && filepath.Dir(name) == path {
			return fs.SkipDir
		}
		if err == nil {
			err = access(name, e)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the process that uses the directory has removed it
		}
		if err != nil {
			return explain(path, "write "+name, err)
		}
		return nil
	})
}

// access returns nil if this process may read and change a file or a directory.
func access(name string, e fs.DirEntry) error {
	if e.IsDir() {
		return unix.Access(name, unix.R_OK|unix.W_OK|unix.X_OK)
	}
	return unix.Access(name, unix.R_OK|unix.W_OK)
}
