package importing

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Archive is a ZIP archive or a directory with an export. It is only read: the names in it are keys, and never paths of the file system.
type Archive struct {
	files fs.FS
	allow *allowance // nil for a directory
	close func() error
}

// Open opens the ZIP archive or the directory of an export. Call Close at the end.
func Open(name string) (*Archive, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		root, err := os.OpenRoot(name) // a symbolic link out of it is an error
		if err != nil {
			return nil, err
		}
		return &Archive{files: root.FS(), close: root.Close}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	ar, err := openZIP(file, info.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	ar.close = file.Close
	return ar, nil
}

// openZIP returns the archive in a file.
func openZIP(file io.ReaderAt, size int64) (*Archive, error) {
	zipped, err := zip.NewReader(file, size)
	if err != nil {
		return nil, fmt.Errorf("is not a ZIP archive: %w", err)
	}
	if len(zipped.File) > MaxArchiveEntries {
		return nil, fmt.Errorf("has %d entries, at most %d are allowed: extract it, and import the directory", len(zipped.File), MaxArchiveEntries)
	}
	return &Archive{files: zipped, allow: newAllowance(size)}, nil
}

// Close closes the archive.
func (ar *Archive) Close() error { return ar.close() }

// JSONLines returns the only file of the archive whose name ends with .jsonl: the bulk export of Mattermost with attachments.
func (ar *Archive) JSONLines() (io.ReadCloser, error) {
	found, err := fs.Glob(ar.files, "*.jsonl")
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("has %d files with the ending .jsonl, want 1", len(found))
	}
	return ar.open(found[0])
}

// open opens a regular file.
func (ar *Archive) open(name string) (io.ReadCloser, error) {
	info, err := fs.Stat(ar.files, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("is not a regular file")}
	}
	file, err := ar.files.Open(name)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{ar.allow.reader(file), file}, nil
}

// within makes the archive the only directory in it, if a file is there and not at the top: some tools pack the directory itself.
func (ar *Archive) within(file string) error {
	if _, err := fs.Stat(ar.files, file); err == nil {
		return nil
	}
	found, err := fs.Glob(ar.files, path.Join("*", file))
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("has no %s: it is not an export of Slack", file)
	}
	ar.files, err = fs.Sub(ar.files, path.Dir(found[0]))
	return err
}

// days returns the names of the files of a channel, in the order of their days. Others are counted by skip.
func (ar *Archive) days(dir string, skip func(reason string)) ([]string, error) {
	if !fs.ValidPath(dir) || strings.Contains(dir, "/") || dir == "." {
		return nil, fs.ErrNotExist
	}
	entries, err := fs.ReadDir(ar.files, dir) // sorted
	if err != nil {
		return nil, err
	}
	var days []string
	for _, entry := range entries {
		if ok, _ := path.Match("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].json", entry.Name()); ok { // the pattern is valid
			days = append(days, path.Join(dir, entry.Name()))
			continue
		}
		skip("file in the directory of a channel that is not YYYY-MM-DD.json")
	}
	return days, nil
}
