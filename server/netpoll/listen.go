//go:build unix

package netpoll

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// ListenOptions are options that accepted sockets inherit, in addition to TCP_NODELAY.
type ListenOptions struct {
	SendBuffer int           // SO_SNDBUF in bytes; the kernel doubles it
	FirstBytes time.Duration // time for which the kernel keeps a connection back until its first bytes come (TCP on Linux only)

	patience time.Duration // for another process that opens a Unix socket in the same directory; 0: lockTimeout. Tests have more
}

// Listener is a listener of TCP, or of a Unix socket.
type Listener struct {
	net.Listener
	options ListenOptions
	path    string      // of a Unix socket; else empty
	node    os.FileInfo // at path
	pauses  bool        // Pause has an effect
}

// unixPrefix begins an address that is the path of a Unix socket.
const unixPrefix = "unix:"

// UnixPath returns the path of an address of a Unix socket, such as "unix:/run/throng/throng.sock". ok is false for other addresses.
func UnixPath(address string) (path string, ok bool) { return strings.CutPrefix(address, unixPrefix) }

// Listen listens on a TCP address or a Unix socket. TCP keep-alive is off: the heartbeat finds dead peers earlier. An error wraps EADDRINUSE
// if another process listens on the address.
func Listen(address string, o ListenOptions) (*Listener, error) {
	if path, ok := UnixPath(address); ok {
		l, err := listenUnix(path, o)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
		return l, nil
	}
	lc := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		failed := raw.Control(func(fd uintptr) { err = o.prepare(int(fd)) })
		return errors.Join(failed, err)
	}}
	ln, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, WithPrivilege(err))
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return &Listener{Listener: ln, options: o, pauses: port != "" && port != "0"}, nil
}

// WithPrivilege returns err with the privilege that is missing, if this user may not listen on a TCP port.
func WithPrivilege(err error) error {
	if !errors.Is(err, syscall.EACCES) {
		return err
	}
	return fmt.Errorf("%w: a port below 1024 needs root or CAP_NET_BIND_SERVICE (in a systemd unit: AmbientCapabilities=CAP_NET_BIND_SERVICE)", err)
}

// file returns a duplicate of the descriptor.
func (ln *Listener) file() (*os.File, error) {
	return ln.Listener.(interface{ File() (*os.File, error) }).File()
}

// Addr returns the address, for a Unix socket that of its configuration: "unix:/path".
func (ln *Listener) Addr() net.Addr {
	if ln.path != "" {
		return unixAddr(ln.path)
	}
	return ln.Listener.Addr()
}

// Close stops listening. It removes the file of a Unix socket, unless another file has replaced it.
func (ln *Listener) Close() error {
	err := ln.Listener.Close()
	if ln.path == "" || errors.Is(err, net.ErrClosed) {
		return err
	}
	now, failed := os.Lstat(ln.path)
	switch {
	case errors.Is(failed, os.ErrNotExist):
		return err
	case failed == nil && !os.SameFile(now, ln.node):
		return err
	case failed == nil:
		failed = os.Remove(ln.path)
	}
	return errors.Join(err, failed)
}

// Pause refuses connections until Resume, and keeps the address. Connections that wait for Accept are reset. It does nothing with a Unix socket, with a port
// that the kernel has chosen (port 0), because it would choose another one, nor on other systems than Linux: there, connections wait.
func (ln *Listener) Pause() error {
	if !ln.pauses {
		return nil
	}
	return ln.control(pauseListening)
}

// Resume ends Pause. The error wraps EADDRINUSE if another process has taken the address.
func (ln *Listener) Resume() error {
	if !ln.pauses {
		return nil
	}
	if err := ln.control(resumeListening); err != nil {
		return fmt.Errorf("listen on %s: %w", ln.Addr(), err)
	}
	return nil
}

// control calls f with the descriptor.
func (ln *Listener) control(f func(fd int) error) error {
	raw, err := ln.Listener.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	failed := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(failed, err)
}

// unixAddr is the address of a listener on a Unix socket: its path.
type unixAddr string

// Network returns "unix".
func (unixAddr) Network() string { return "unix" }

// String returns the path as in a setting.
func (ua unixAddr) String() string { return unixPrefix + string(ua) }
