package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// marker is the content of throng.json.
type marker struct {
	Format int `json:"format"`
	Owner
}

// Owner is whose data a directory has.
type Owner struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node,omitempty"` // of the cluster; empty: a single server, or a node of a version before 0.2, which is not checked
}

// prepareMarker checks throng.json, or writes it into a new directory.
func (d *Dir) prepareMarker(by Owner) error {
	text, err := os.ReadFile(filepath.Join(d.path, markerFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := d.writeMarker(by); err != nil {
			return explain(d.path, "write "+markerFile, err)
		}
	case err != nil:
		return explain(d.path, "read "+markerFile, err)
	default:
		return checkMarker(d.path, text, by)
	}
	return nil
}

// checkContents returns a ForeignError if the directory has files and no throng.json.
func checkContents(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return explain(path, "read", err)
	}
	var other []string
	for _, e := range entries {
		switch e.Name() {
		case markerFile:
			return nil
		case lockFile, markerFile + ".tmp":
		case "lost+found": // of a new file system
		default:
			other = append(other, e.Name())
		}
	}
	if len(other) == 0 {
		return nil
	}
	slices.Sort(other)
	if len(other) > 3 {
		other = append(other[:3], "...")
	}
	return &ForeignError{path, "", fmt.Sprintf("it has no %s, and other files (%s): choose an empty directory, or one that throng made",
		markerFile, strings.Join(other, ", "))}
}

func checkMarker(path string, text []byte, by Owner) error {
	var m marker
	if err := json.Unmarshal(text, &m); err != nil || m.Format < 1 || m.Cluster == "" {
		return &ForeignError{path, "", fmt.Sprintf("%s is damaged (%.80q): restore it from a backup; it is {\"format\": %d, \"cluster\": %q}",
			markerFile, text, Format, by.Cluster)}
	}
	if m.Format > Format {
		return &ForeignError{path, "", fmt.Sprintf("it has format %d of a newer version, and this version reads formats 1 to %d: start the newer version",
			m.Format, Format)}
	}
	if m.Cluster != by.Cluster {
		return &ForeignError{path, m.Cluster, fmt.Sprintf("it has the data of cluster %q, and this is cluster %q: choose another directory, or start with that cluster name",
			m.Cluster, by.Cluster)}
	}
	if m.Node != "" && by.Node != "" && m.Node != by.Node {
		return &ForeignError{path, m.Cluster, fmt.Sprintf("it has the data of node %q, and this is node %q: choose another directory, or start with that node name",
			m.Node, by.Node)}
	}
	return nil
}

// writeMarker writes throng.json so that it is there with its whole content or not at all.
func (d *Dir) writeMarker(by Owner) error {
	text, err := json.Marshal(marker{Format, by})
	if err != nil {
		return err
	}
	name := filepath.Join(d.path, markerFile)
	if err := writeSynced(name+".tmp", append(text, '\n')); err != nil {
		return err
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return err
	}
	return syncDir(d.path)
}
