package server

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/lesismal/nbio"
)

// shutdownWrite tells the peer that nothing more comes, and leaves it to the peer to end TCP: closing with bytes unread
// would reset the connection, and a reset overtakes the close frame.
func shutdownWrite(nc *nbio.Conn) error {
	nc.Lock()
	defer nc.Unlock()
	if closed, _ := nc.IsClosed(); closed {
		return net.ErrClosed
	}
	return syscall.Shutdown(nc.Hash(), syscall.SHUT_WR)
}

// newWaker makes a socket pair whose one end belongs to the given poller: nbio chooses it by the descriptor's number.
func newWaker(l *loop, poller, pollers int) (*waker, error) {
	w := &waker{loop: l}
	var wrong []*nbio.Conn
	defer func() {
		for _, nc := range wrong {
			if err := nc.Close(); err != nil {
				l.log.Debug("close a spare wake-up socket", "error", err)
			}
		}
	}()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("wake-up socket: %w", err)
	}
	if err := syscall.SetNonblock(pair[0], true); err != nil {
		return nil, fmt.Errorf("wake-up socket: %w", err)
	}
	w.fd = pair[0]
	file := os.NewFile(uintptr(pair[1]), "wake")
	defer file.Close()
	for w.nc == nil {
		std, err := net.FileConn(file)
		if err != nil {
			return nil, fmt.Errorf("wake-up socket: %w", err)
		}
		nc, err := nbio.NBConn(std)
		if err != nil {
			return nil, fmt.Errorf("wake-up socket: %w", err)
		}
		if nc.Hash()%pollers != poller {
			wrong = append(wrong, nc)
			continue
		}
		w.nc = nc
	}
	w.nc.Lock()
	w.nc.SetSession(w)
	w.nc.Unlock()
	if _, err := l.engine.AddConn(w.nc); err != nil {
		return nil, fmt.Errorf("wake-up socket: %w", err)
	}
	return w, nil
}

func (w *waker) close() {
	if err := syscall.Close(w.fd); err != nil {
		w.loop.log.Debug("close a wake-up socket", "error", err)
	}
}
