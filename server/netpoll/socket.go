//go:build unix

package netpoll

import (
	"errors"
	"net"
	"syscall"

	"github.com/lesismal/nbio"
)

// FromTCP makes a socket of a connection, whose descriptor it takes over. Where there is an error, the connection is closed.
func FromTCP(c *net.TCPConn) (*Socket, error) {
	s, err := nbio.NBConn(c)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return s, nil
}

// CloseWrite tells the peer that nothing more comes, and leaves it to the peer to end TCP: closing with bytes unread
// would reset the connection, and a reset overtakes the close frame.
func CloseWrite(s *Socket) error {
	s.Lock()
	defer s.Unlock()
	if closed, _ := s.IsClosed(); closed {
		return net.ErrClosed
	}
	return syscall.Shutdown(s.Hash(), syscall.SHUT_WR)
}

// End ends both directions of TCP at once. The descriptor is closed by the connection's poller, when it handles the
// hang-up that epoll or kqueue then reports: only there is it certain that no event of this descriptor is left among those
// that the poller has fetched. nbio applies an event to whatever connection holds the descriptor by then, so a descriptor that
// somebody else closed, and a new client got, would end that client by the hang-up of the old one.
//
// One close remains elsewhere: nbio closes by itself when what Socket.Write has queued cannot be written.
func End(s *Socket) error {
	s.Lock()
	if closed, _ := s.IsClosed(); closed {
		s.Unlock()
		return net.ErrClosed
	}
	if s.Session() == nil {
		s.Unlock()
		return s.Close() // no poller has it yet
	}
	defer s.Unlock()
	if err := syscall.Shutdown(s.Hash(), syscall.SHUT_RDWR); !errors.Is(err, syscall.ENOTCONN) {
		return err
	}
	return nil // the peer reset it, which is a hang-up, too
}
