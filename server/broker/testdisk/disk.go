//go:build linux

// Package testdisk mounts file systems for tests: images on loop devices, whose contents can be copied at a moment and whose writes can be
// made to hang, and small ones in memory. It needs root.
package testdisk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoDisk: this process cannot mount an image of a file system. It needs root, loop devices and mkfs.ext4.
var ErrNoDisk = errors.New("needs root, loop devices and mkfs.ext4")

// Disk is a mounted file system.
type Disk struct{ Path string }

// MakeImage makes a file with an empty ext4 file system.
func MakeImage(image string, size int64) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("%w: the user is not root", ErrNoDisk)
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		return fmt.Errorf("%w: %w", ErrNoDisk, err)
	}
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return err
	}
	return command("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
}

// Mount mounts an image. The directory is made.
func Mount(image, path string) (*Disk, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	if err := command("mount", "-o", "loop", image, path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDisk, err)
	}
	return &Disk{path}, nil
}

// MountTmpfs mounts a file system in memory with a size in bytes. The directory exists.
func MountTmpfs(path string, size int64) (*Disk, error) {
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDisk, err)
	}
	return &Disk{path}, nil
}

// Unmount ends the mount. A file that is just being closed is waited for.
func (d *Disk) Unmount() error {
	err := unix.Unmount(d.Path, 0)
	for try := 0; errors.Is(err, unix.EBUSY) && try < 1_000; try++ {
		time.Sleep(5 * time.Millisecond)
		err = unix.Unmount(d.Path, 0)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("unmount %s: %w", d.Path, err), unix.Unmount(d.Path, unix.MNT_DETACH))
	}
	return nil
}

// The requests of ioctl that stop and continue all writes to a file system.
const (
	freezeRequest = 0xc0045877 // FIFREEZE
	thawRequest   = 0xc0045878 // FITHAW
)

// Freeze makes each write hang until Thaw.
func (d *Disk) Freeze() error { return d.ioctl(freezeRequest) }

// Thaw lets the writes go on.
func (d *Disk) Thaw() error { return d.ioctl(thawRequest) }

func (d *Disk) ioctl(request uint) error {
	f, err := os.Open(d.Path)
	if err != nil {
		return err
	}
	return errors.Join(unix.IoctlSetInt(int(f.Fd()), request, 0), f.Close())
}

// Copy copies the data of a file and leaves its holes out.
func Copy(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	info, err := in.Stat()
	if err == nil {
		err = out.Truncate(info.Size())
	}
	for at := int64(0); err == nil; {
		var data, hole int64
		if data, err = unix.Seek(int(in.Fd()), at, unix.SEEK_DATA); err != nil {
			if errors.Is(err, unix.ENXIO) { // no data behind at
				err = nil
			}
			break
		}
		if hole, err = unix.Seek(int(in.Fd()), data, unix.SEEK_HOLE); err == nil {
			_, err = io.Copy(io.NewOffsetWriter(out, data), io.NewSectionReader(in, data, hole-data))
		}
		at = hole
	}
	return errors.Join(err, out.Close())
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
