//go:build unix && !linux

package server

import (
	"errors"
	"net"
	"net/netip"
	"syscall"

	"github.com/lesismal/nbio"
)

// acceptor accepts by Go's net package.
type acceptor struct{ listener *net.TCPListener }

func newAcceptor(l *net.TCPListener) (*acceptor, error) { return &acceptor{l}, nil }

func (a *acceptor) close() error { return nil }

// accept waits for the next connection.
func (a *acceptor) accept() (arrival, error) {
	tcp, err := a.listener.AcceptTCP()
	if err != nil {
		return arrival{}, err
	}
	peer, _ := tcp.RemoteAddr().(*net.TCPAddr)
	return arrival{tcp, peer.AddrPort()}, nil
}

// arrival is a connection that was accepted and belongs to nobody yet: it must become a socket or a conn of nbio.
type arrival struct {
	tcp  *net.TCPConn
	peer netip.AddrPort
}

// readNow takes what the socket has, and does not wait for more. What is wrong with it, the next read tells.
func (a arrival) readNow(b []byte) (n int) {
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

// refuse sends an answer so short that a new socket takes it, and closes.
func (a arrival) refuse(answer []byte) error {
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

func (a arrival) socket() (*net.TCPConn, error) { return a.tcp, nil }

// loopConn makes a connection of nbio of it. Where there is an error, it is closed.
func (a arrival) loopConn() (*nbio.Conn, error) {
	nc, err := nbio.NBConn(a.tcp)
	if err != nil {
		err = errors.Join(err, a.tcp.Close())
	}
	return nc, err
}
