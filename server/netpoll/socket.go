//go:build unix

package netpoll

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// Conn is a connection of package net over a stream: *net.TCPConn or *net.UnixConn.
type Conn interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// ResetOnClose makes Close discard unsent bytes and reset the connection. It has no effect on a Unix socket, which has no reset.
func ResetOnClose(c Conn) error {
	if tcp, ok := c.(*net.TCPConn); ok {
		return tcp.SetLinger(0)
	}
	return nil
}

// FromConn returns a socket that takes over the descriptor of a connection of peer. On an error the connection is closed.
func FromConn(c Conn, peer netip.AddrPort) (*Socket, error) {
	s, err := takeOver(c, peer)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return s, nil
}

// CloseWrite ends the direction to the peer, which reads the end of the stream and then ends TCP. A close by us with unread bytes would
// reset the connection, and a reset may overtake the close frame. The error is net.ErrClosed if the socket is closed.
func CloseWrite(s *Socket) error {
	s.Lock()
	defer s.Unlock()
	if closed, _ := s.IsClosed(); closed {
		return net.ErrClosed
	}
	return syscall.Shutdown(s.Hash(), syscall.SHUT_WR)
}

// End ends both directions of TCP at once. The poller of the socket closes the descriptor when it handles the hang-up event that follows.
// Only then is it certain that the poller has fetched no other event of this descriptor. nbio applies an event to the connection that has
// the descriptor at that time: if another goroutine closed it, and a new client got the same number, the hang-up of the old client would
// end the new one. The error is net.ErrClosed if the socket is closed.
//
// One close by another goroutine remains: nbio closes a socket whose Write fails.
func End(s *Socket) error {
	s.Lock()
	if closed, _ := s.IsClosed(); closed {
		s.Unlock()
		return net.ErrClosed
	}
	if s.Session() == nil {
		s.Unlock()
		return s.Close() // it is not in a loop
	}
	defer s.Unlock()
	if err := syscall.Shutdown(s.Hash(), syscall.SHUT_RDWR); !errors.Is(err, syscall.ENOTCONN) {
		return err
	}
	return nil // the peer has reset it, which is a hang-up event, too
}
