// Package datadir owns the data directory of a process: one process at a time, one node of one cluster, one format.
//
//	DIR/throng.json   format, cluster and node; a directory without it is new, or is not of throng. Locked (flock) while a process uses the directory
//	DIR/marks.json    what the engine keeps beside its files
//	DIR/lock          locked as well, and before throng.json exists; has the process ID. Its removal ends no lock
//	DIR/jetstream/    the files of the engine
//
// A new directory is created with mode 0700. throng.json is written first, synced and renamed into place, so a start that ended in between
// is continued by the next start. The lock ends with the process, also at kill -9.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Format is the format of the directory that this version reads and writes.
const Format = 1

const (
	markerFile = "throng.json"
	lockFile   = "lock"
	engineDir  = "jetstream"
)

// Dir is a locked data directory.
type Dir struct {
	path   string
	lock   *os.File
	marker *os.File // throng.json, locked
	engine *os.File // the directory of the engine
}

// InUseError: another process has locked the directory.
type InUseError struct {
	Path string
	PID  int // 0: not known
}

func (e *InUseError) Error() string {
	by := "another process"
	if e.PID > 0 {
		by = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("data directory %s is in use by %s: stop that process, or choose another directory", e.Path, by)
}

// ForeignError: the directory has the data of something else, or of a newer version.
type ForeignError struct {
	Path    string
	Cluster string // the data of this cluster; empty: of something else
	Detail  string // what was found, what is allowed, what to do
}

func (f *ForeignError) Error() string { return fmt.Sprintf("data directory %s: %s", f.Path, f.Detail) }

// ErrReadOnly: the process cannot write to the directory. It is wrapped with the error of the system.
var ErrReadOnly = errors.New("not writable")

// Open locks a data directory for a process, and creates it if it does not exist. Its parent must exist. The errors are *InUseError,
// *ForeignError, ErrReadOnly and others of the file system.
func Open(path string, by Owner) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, explain(path, "create", err)
	}
	// Before the lock: a directory that is not of throng gets no new file.
	if err := checkContents(path); err != nil {
		return nil, err
	}
	lock, err := lockDir(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, lock: lock}
	if err := d.prepare(by); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Path is the absolute path of the directory.
func (d *Dir) Path() string { return d.path }

// Engine is the directory of the files of the engine.
func (d *Dir) Engine() string { return filepath.Join(d.path, engineDir) }

// ReadFile returns the content of a file that WriteFile has written.
func (d *Dir) ReadFile(name string) ([]byte, error) { return os.ReadFile(filepath.Join(d.path, name)) }

// WriteFile replaces a file: after a crash it has its old or its new content. It does not wait for the disk, so after a loss of power the new
// content may be lost.
func (d *Dir) WriteFile(name string, text []byte) error {
	name = filepath.Join(d.path, name)
	if err := os.WriteFile(name+".tmp", text, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".tmp", name)
}

// Close unlocks the directory. Call it once.
func (d *Dir) Close() error {
	var errs []error
	if d.engine != nil {
		errs = append(errs, d.engine.Close())
	}
	for _, locked := range []*os.File{d.marker, d.lock} {
		if locked != nil {
			errs = append(errs, unlock(locked), locked.Close())
		}
	}
	return errors.Join(errs...)
}

// Missing returns an error if the directory was removed or replaced since Open: then what is written to its open files is lost.
func (d *Dir) Missing() error {
	for _, open := range []*os.File{d.marker, d.engine} {
		is, err := open.Stat()
		if err != nil {
			return explain(d.path, "look at", err)
		}
		now, err := os.Stat(open.Name())
		if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(is, now) {
			return fmt.Errorf("data directory %s: %s was removed or replaced while throng uses it: put it back, or restart throng", d.path, filepath.Base(open.Name()))
		}
		if err != nil {
			return explain(d.path, "look at", err)
		}
	}
	return nil
}

// prepare checks throng.json, or writes it into a new directory, locks it, and makes the directory of the engine.
func (d *Dir) prepare(by Owner) error {
	if err := d.prepareMarker(by); err != nil {
		return err
	}
	var err error
	if d.marker, err = lockFileOf(d.path, markerFile); err != nil {
		return err
	}
	if err := os.Mkdir(d.Engine(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return explain(d.path, "create "+engineDir, err)
	}
	if d.engine, err = os.Open(d.Engine()); err != nil {
		return explain(d.path, "open "+engineDir, err)
	}
	return d.checkWritable()
}

// checkWritable finds a read-only file system before the engine does, whose errors do not name the cause.
func (d *Dir) checkWritable() error {
	name := filepath.Join(d.Engine(), ".writable")
	if err := writeSynced(name, nil); err != nil {
		return explain(d.path, "write", err)
	}
	if err := os.Remove(name); err != nil {
		return explain(d.path, "write", err)
	}
	return nil
}

func writeSynced(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// explain names the directory, what failed, and what to do.
func explain(path, what string, err error) error {
	switch {
	case isReadOnly(err):
		return fmt.Errorf("data directory %s: %s: %w: %w: give the user of this process the right to write, or mount the file system read-write",
			path, what, ErrReadOnly, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("data directory %s: %s: %w: create the parent directory", path, what, err)
	}
	return fmt.Errorf("data directory %s: %s: %w", path, what, err)
}
