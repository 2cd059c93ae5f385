//go:build unix

package netpoll

import (
	"errors"
	"io"
	"syscall"

	"github.com/lesismal/nbio"
)

// TCP is a Socket that sends and receives bytes unchanged: the transport of plain TCP (fanout.Transport). It is the socket itself under
// another type, so that it costs no memory.
type TCP nbio.Conn

// OverTCP returns the transport of a socket.
func OverTCP(s *Socket) *TCP { return (*TCP)(s) }

// Socket returns the socket, by which the loop knows the connection.
func (t *TCP) Socket() *Socket { return (*Socket)(t) }

// Read reads into p. more reports whether another Read may return bytes at once. The error is EAGAIN if the socket is empty, and io.EOF
// if the peer has ended its side. Called on the poller.
func (t *TCP) Read(p []byte) (n int, more bool, err error) {
	n, err = t.Socket().Read(p)
	switch {
	case errors.Is(err, syscall.EINTR):
		return 0, true, nil
	case err != nil:
		return 0, false, err
	case n == 0:
		return 0, false, io.EOF
	}
	return n, n == len(p), nil
}

// Held is 0: each Read returns all bytes that it received.
func (t *TCP) Held() int { return 0 }

// HungUp reports whether the peer has ended its side. Called on the poller.
func (t *TCP) HungUp() bool { return HungUp(t.Socket()) }

// Write sends p as SendOrWatch does. Called on the shard.
func (t *TCP) Write(p []byte) (int, error) { return SendOrWatch(t.Socket(), p) }

// Pending is 0: Write takes only bytes that it sends. The one byte of a writability probe is in nbio's queue.
func (t *TCP) Pending() int { return 0 }

// CloseWrite ends the direction to the peer.
func (t *TCP) CloseWrite() error { return CloseWrite(t.Socket()) }

// End ends both directions at once (see the function End). Any goroutine may call it.
func (t *TCP) End() error { return End(t.Socket()) }

// SendOrWatch sends b without waiting and returns how many bytes it took. If that is not all of b, the error is the reason. With EAGAIN the
// socket is full: Events.Written is called once the socket accepts bytes again, and the caller sends nothing before that.
//
// nbio has no call to watch for that, but it reports when its own queue is empty. The last byte that SendOrWatch takes is a writability
// probe: it goes through that queue.
func SendOrWatch(s *Socket, b []byte) (n int, err error) {
	n, err = Send(s, b)
	if n == len(b) || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
		return n, err
	}
	if _, err := s.Write(b[n : n+1]); err != nil {
		return n, err
	}
	return n + 1, syscall.EAGAIN
}
