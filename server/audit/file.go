package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
)

// file is the file of the audit log, or standard error. One goroutine calls Write. No method waits for a Write, which may block for ever: in a
// pipe without a reader, or on a file system without its server.
type file struct {
	path   string // Stderr for standard error
	failed func(error)
	limit  rate.Sometimes // of failed

	open atomic.Pointer[opened]
}

// opened is one opening of the file.
type opened struct {
	to   io.WriteCloser
	torn bool // it ends in the middle of a line. Used by Write only
}

func openFile(path string, failed func(error)) (*file, error) {
	f := &file{path: path, failed: failed, limit: logqueue.EverySecond()}
	if path == Stderr {
		f.open.Store(&opened{to: os.Stderr})
		return f, nil
	}
	return f, f.reopen()
}

// Write writes one line. A line that was not written as a whole, because the disk was full, does not become a part of the next one.
func (f *file) Write(line []byte) (int, error) {
	for {
		o := f.open.Load()
		n, err := o.write(line)
		if errors.Is(err, os.ErrClosed) && n == 0 && f.open.Load() != o {
			continue // a reload has replaced it
		}
		if err != nil {
			f.limit.Do(func() { f.failed(err) })
		}
		return n, err
	}
}

func (o *opened) write(line []byte) (n int, err error) {
	if o.torn {
		if _, err := o.to.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		o.torn = false
	}
	n, err = o.to.Write(line)
	o.torn = n > 0 && n < len(line)
	return n, err
}

// reopen replaces the open file by the one that has the path now.
func (f *file) reopen() error {
	if f.path == Stderr {
		return nil
	}
	now, err := openPath(f.path)
	if err != nil {
		return err
	}
	if before := f.open.Swap(now); before != nil {
		return before.to.Close()
	}
	return nil
}

// Close closes the file.
func (f *file) Close() error {
	if f.path == Stderr {
		return nil
	}
	return f.open.Load().to.Close()
}

// openPath opens a file for appending. It does not wait for the reader of a named pipe.
func openPath(path string) (*opened, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ENXIO) {
		err = fmt.Errorf("%w: the named pipe has no reader: start its reader first", err)
	}
	if err != nil {
		return nil, fmt.Errorf("audit-log = %q: %w", path, err)
	}
	return &opened{to: f, torn: isTorn(path)}, nil
}

// isTorn reports whether a file ends in the middle of a line: the disk was full, or the process was killed. A file that cannot be read counts as whole.
func isTorn(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// Check returns why Open would fail for a setting. It creates nothing.
func Check(setting string) error {
	if setting == Off || setting == Stderr {
		return nil
	}
	info, err := os.Stat(setting)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		directory := filepath.Dir(setting)
		if err := unix.Access(directory, unix.W_OK|unix.X_OK); err != nil {
			return fmt.Errorf("create a file in %s: %w", directory, err)
		}
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("is a directory: name a file")
	}
	return unix.Access(setting, unix.W_OK)
}
