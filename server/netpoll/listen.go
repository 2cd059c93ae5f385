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

// ListenOptions are what accepted sockets inherit, beside TCP_NODELAY.
type ListenOptions struct {
	SendBuffer int           // bytes, of which the kernel makes twice as many
	FirstBytes time.Duration // for which the kernel keeps a connection until its first bytes are there (Linux only)
}

// Listen opens a port. The kernel's keep-alive is off: a heartbeat does better.
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
