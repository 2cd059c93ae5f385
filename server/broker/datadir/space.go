package datadir

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Space is the size of a file system and what this process may still write, in bytes.
type Space struct{ Free, Size int64 }

// Space returns the space of the file system with the directory.
func (d *Dir) Space() (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(d.path, &s); err != nil {
		return Space{}, fmt.Errorf("data directory %s: free space: %w", d.path, err)
	}
	block := int64(s.Bsize)
	return Space{Free: int64(s.Bavail) * block, Size: int64(s.Blocks) * block}, nil
}

// Floor is the free space below which nothing more is stored: the larger one of a number of bytes and a part of the size.
type Floor struct {
	Bytes   int64
	Percent int // 0 to 100
}

// Of returns the floor of a file system, in bytes.
func (floor Floor) Of(s Space) int64 {
	return max(floor.Bytes, s.Size/100*int64(floor.Percent))
}
