//go:build unix && !linux

package netpoll

import (
	"errors"
	"net"
	"net/netip"
	"syscall"

	"github.com/lesismal/nbio"
)

// Acceptor accepts with Go's net package.
type Acceptor struct{ listener *net.TCPListener }

// NewAcceptor returns an acceptor of a listener, which is one of TCP.
func NewAcceptor(l *Listener) (*Acceptor, error) {
	return &Acceptor{l.Listener.(*net.TCPListener)}, nil
}

// Close does nothing: closing the listener ends Accept.
func (acc *Acceptor) Close() error { return nil }

// Accept waits for the next connection.
func (acc *Acceptor) Accept() (Accepted, error) {
	tcp, err := acc.listener.AcceptTCP()
	if err != nil {
		return Accepted{}, err
	}
	peer, _ := tcp.RemoteAddr().(*net.TCPAddr)
	return Accepted{tcp, peer.AddrPort()}, nil
}

// Accepted is a connection that was accepted and has no owner yet. Conn, Socket or Reject takes it.
type Accepted struct {
	tcp  *net.TCPConn
	Peer netip.AddrPort
}

// ReadNow reads the bytes that have come, without waiting. It returns 0 on an error, which the next read returns again.
func (a Accepted) ReadNow(b []byte) (n int) {
	raw, err := a.tcp.SyscallConn()
	if err != nil {
		return 0
	}
	if err := raw.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), b)
		return true
	}); err != nil || n < 0 {
		return 0
	}
	return n
}

// Reject sends a response and closes the connection. The response must be so short that a new socket takes all of it.
func (a Accepted) Reject(response []byte) error {
	raw, err := a.tcp.SyscallConn()
	if err == nil {
		failed := raw.Write(func(fd uintptr) bool {
			_, err = syscall.Write(int(fd), response)
			return true
		})
		err = errors.Join(err, failed)
	}
	return errors.Join(err, a.tcp.Close())
}

// Conn returns the connection as one of the net package.
func (a Accepted) Conn() (Conn, error) { return a.tcp, nil }

// Socket returns the connection as a socket of the loop. On an error the connection is closed.
func (a Accepted) Socket() (*Socket, error) {
	return FromConn(a.tcp, a.Peer)
}

// takeOver returns a socket that has the descriptor of c, under another number, and closes c. It has the address of c in place of peer.
func takeOver(c Conn, _ netip.AddrPort) (*Socket, error) { return nbio.NBConn(c) }
