package audit

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
)

// file is the file of the audit log, or standard error.
type file struct {
	path   string // Stderr for standard error
	failed func(error)
	limit  rate.Sometimes // of failed

	mu   sync.Mutex // held for a write: only the goroutine of the queue and a reload take it
	open *os.File
}

func openFile(path string, failed func(error)) (*file, error) {
	f := &file{path: path, failed: failed, limit: logqueue.EverySecond(), open: os.Stderr}
	if path == Stderr {
		return f, nil
	}
	var err error
	f.open, err = openPath(path)
	return f, err
}

// Write writes one line.
func (f *file) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.open.Write(line)
	if err != nil {
		f.limit.Do(func() { f.failed(err) })
	}
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
	f.mu.Lock()
	before := f.open
	f.open = now
	f.mu.Unlock()
	return before.Close()
}

// Close closes the file.
func (f *file) Close() error {
	if f.path == Stderr {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open.Close()
}

// openPath opens a file for appending.
func openPath(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit-log = %q: %w", path, err)
	}
	return f, nil
}
