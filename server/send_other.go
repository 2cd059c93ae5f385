//go:build unix && !linux

package server

import (
	"syscall"

	"github.com/lesismal/nbio"
)

// sendNow hands b to the kernel without waiting and returns how much it took: all, a part, or with EAGAIN nothing. nbio's
// sockets are non-blocking. The descriptor is used only under the connection's own lock and only while it is open: a
// closed one may already be another client's.
func sendNow(nc *nbio.Conn, b []byte) (int, error) {
	nc.Lock()
	defer nc.Unlock()
	if closed, _ := nc.IsClosed(); closed {
		return 0, syscall.EPIPE
	}
	n, err := syscall.Write(nc.Hash(), b)
	return max(n, 0), err
}
