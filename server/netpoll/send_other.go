//go:build unix && !linux

package netpoll

import (
	"syscall"
)

// Send hands b to the kernel without waiting and returns how much it took: all, a part, or with EAGAIN nothing. nbio's
// sockets are non-blocking. The descriptor is used only under the connection's own lock and only while it is open: a
// closed one may already be another client's.
func Send(s *Socket, b []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	if closed, _ := s.IsClosed(); closed {
		return 0, syscall.EPIPE
	}
	n, err := syscall.Write(s.Hash(), b)
	return max(n, 0), err
}
