//go:build unix && !linux

package netpoll

import (
	"syscall"
)

// Send passes b to the kernel without waiting and returns how many bytes it took: all, a part without an error, or none with EAGAIN. It
// uses the descriptor only under the socket's lock and while the socket is open: the descriptor of a closed socket may already belong to
// another client.
func Send(s *Socket, b []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	if closed, _ := s.IsClosed(); closed {
		return 0, syscall.EPIPE
	}
	n, err := syscall.Write(s.Hash(), b)
	return max(n, 0), err
}

// HasRoom reports whether the send buffer has room for n more bytes. It is not known here, so it reports false.
func HasRoom(*Socket, int) bool { return false }
