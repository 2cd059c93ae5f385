//go:build linux

// Package testdisk mounts file systems for tests: images on loop devices, whose contents can be copied at a moment and whose writes can be
// made to hang, and small ones in memory. It needs root.
package testdisk

import (
	"bytes"
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

// Snapshot copies an image to a file at one moment. A copy takes time, and the kernel may write the journal of the file system meanwhile, so
// that the copy would have blocks of several moments. Snapshot therefore compares the copy with the image, and copies again until both are
// equal: then the image did not change between the end of the copy and the begin of the comparison. Holes are left out.
func Snapshot(image, to string) error {
	for range snapshotTries {
		if err := eachExtent(image, to, copyExtent); err != nil {
			return err
		}
		err := eachExtent(image, to, compareExtent)
		if !errors.Is(err, errChanged) {
			return err
		}
	}
	return fmt.Errorf("%s: %w during each of %d copies", image, errChanged, snapshotTries)
}

const snapshotTries = 50

var errChanged = errors.New("the image changed")

// eachExtent calls do for each part of the image that is not a hole.
func eachExtent(image, to string, do func(in io.ReaderAt, out *os.File, at, size int64) error) error {
	in, err := os.Open(image)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE, 0o600)
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
			err = do(in, out, data, hole-data)
		}
		at = hole
	}
	return errors.Join(err, out.Close())
}

func copyExtent(in io.ReaderAt, out *os.File, at, size int64) error {
	_, err := io.Copy(io.NewOffsetWriter(out, at), io.NewSectionReader(in, at, size))
	return err
}

// compareExtent returns errChanged if the two files differ in a part.
func compareExtent(in io.ReaderAt, out *os.File, at, size int64) error {
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for size > 0 {
		n := min(size, int64(len(a)))
		if _, err := in.ReadAt(a[:n], at); err != nil {
			return err
		}
		if _, err := out.ReadAt(b[:n], at); err != nil {
			return err
		}
		if !bytes.Equal(a[:n], b[:n]) {
			return errChanged
		}
		at, size = at+n, size-n
	}
	return nil
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
