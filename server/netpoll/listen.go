//go:build unix

package netpoll

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// ListenOptions are options that accepted sockets inherit, in addition to TCP_NODELAY.
type ListenOptions struct {
	SendBuffer int           // SO_SNDBUF in bytes; the kernel doubles it
	FirstBytes time.Duration // time for which the kernel keeps a connection back until its first bytes come (Linux only)
}

// Listen listens on a TCP address. TCP keep-alive is off: the heartbeat finds dead peers earlier.
func Listen(address string, o ListenOptions) (*net.TCPListener, error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		failed := raw.Control(func(fd uintptr) { err = o.prepare(int(fd)) })
		return errors.Join(failed, err)
	}}
	ln, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return ln.(*net.TCPListener), nil
}
