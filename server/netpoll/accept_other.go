//go:build unix && !linux

package netpoll

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// Acceptor accepts by Go's net package.
type Acceptor struct{ listener *net.TCPListener }

func NewAcceptor(l *net.TCPListener) (*Acceptor, error) { return &Acceptor{l}, nil }

func (a *Acceptor) Close() error { return nil }

// Accept waits for the next connection.
func (a *Acceptor) Accept() (Accepted, error) {
	tcp, err := a.listener.AcceptTCP()
	if err != nil {
		return Accepted{}, err
	}
	peer, _ := tcp.RemoteAddr().(*net.TCPAddr)
	return Accepted{tcp, peer.AddrPort()}, nil
}

// Accepted is a connection that was accepted and belongs to nobody yet: TCP or Socket makes something of it.
type Accepted struct {
	tcp  *net.TCPConn
	Peer netip.AddrPort
}

// ReadNow takes what the socket has, and does not wait for more. What is wrong with it, the next read tells.
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

// Refuse sends an answer so short that a new socket takes it, and closes.
func (a Accepted) Refuse(answer []byte) error {
	raw, err := a.tcp.SyscallConn()
	if err == nil {
		failed := raw.Write(func(fd uintptr) bool {
			_, err = syscall.Write(int(fd), answer)
			return true
		})
		err = errors.Join(err, failed)
	}
	return errors.Join(err, a.tcp.Close())
}

func (a Accepted) TCP() (*net.TCPConn, error) { return a.tcp, nil }

// Socket makes a socket of the loop of it. Where there is an error, it is closed.
func (a Accepted) Socket() (*Socket, error) {
	return FromTCP(a.tcp)
}
