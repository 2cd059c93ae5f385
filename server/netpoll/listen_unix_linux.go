package netpoll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// UnixMode is the mode of the file of a Unix socket: a client needs the permission to write.
	UnixMode = 0o660

	// MaxUnixPath is the size of the longest path of a Unix socket, in bytes.
	MaxUnixPath = 107

	lockTimeout = time.Second // for another process that opens a socket in the same directory
	lockRetry   = 10 * time.Millisecond
)

// listenUnix listens on a Unix socket. A file of a socket on which no process listens is replaced; the lock of the directory keeps two
// processes from replacing each other's.
func listenUnix(path string, o ListenOptions) (l *Listener, err error) {
	lock, err := lockDirectory(filepath.Dir(path), cmp.Or(o.patience, lockTimeout))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := removeStale(path); err != nil {
		return nil, err
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		// The file gets the mode of the socket without the bits of the umask, so no other user can connect before Chmod.
		var err error
		failed := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), UnixMode) })
		return errors.Join(failed, err)
	}}
	ln, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, withoutPath(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // Listener.Close removes it
	l = &Listener{Listener: ln, options: o, path: path}
	err = os.Chmod(path, UnixMode)
	if err == nil {
		l.node, err = os.Lstat(path)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close(), os.Remove(path))
	}
	return l, nil
}

// lockDirectory locks a directory until the file that it returns is closed. It waits for another lock at most for patience.
func lockDirectory(path string, patience time.Duration) (*os.File, error) {
	directory, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("directory %s: %w", path, withoutPath(err))
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(lockRetry) {
		err = unix.Flock(int(directory.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the directory %s: %w", path, err), directory.Close())
	}
	return directory, nil
}

// removeStale removes the file of a socket on which no process listens. The error is EADDRINUSE if one does.
func removeStale(path string) error {
	file, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return withoutPath(err)
	case file.Mode().Type() != os.ModeSocket:
		return errors.New("the path is in use by a file that is not a socket: remove it, or choose another path")
	}
	c, err := net.DialTimeout("unix", path, lockTimeout)
	switch {
	case err == nil:
		return errors.Join(syscall.EADDRINUSE, c.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, syscall.EAGAIN): // its queue of new connections is full
		return syscall.EADDRINUSE
	}
	return fmt.Errorf("whether a process listens on the socket: %w", withoutPath(err))
}

// withoutPath returns the cause of an error that names a path, because the caller names it.
func withoutPath(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno
	}
	return err
}
