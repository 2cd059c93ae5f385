package datadir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// lockDir locks the directory and writes the process ID into its lock file. The lock ends with unlock, or when the last process that has
// the descriptor ends.
func lockDir(path string) (*os.File, error) {
	f, err := lockFileOf(path, lockFile)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(0), writePID(f)); err != nil {
		return nil, errors.Join(explain(path, lockFile, err), f.Close())
	}
	return f, nil
}

// lockFileOf locks a file of the directory.
func lockFileOf(path, file string) (*os.File, error) {
	name := filepath.Join(path, file)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, explain(path, "open "+file, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		inUse := &InUseError{Path: path}
		if text, err := os.ReadFile(filepath.Join(path, lockFile)); err == nil && file == lockFile {
			inUse.PID, _ = strconv.Atoi(string(bytes.TrimSpace(text))) // 0: the other process is writing it now
		}
		return nil, errors.Join(inUse, f.Close())
	}
	if err != nil {
		return nil, errors.Join(explain(path, file, err), f.Close())
	}
	return f, nil
}

// unlock ends the lock also if another process has a copy of the descriptor: a child that is just being started has one.
func unlock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }

func writePID(f *os.File) error {
	_, err := f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return err
}

func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS)
}
