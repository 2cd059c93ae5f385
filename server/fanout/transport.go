package fanout

import "github.com/throng-chat/throng/server/netpoll"

// Transport carries the bytes of one connection. Plain TCP is *netpoll.TCP. Another one (TLS records, the body of an HTTP response) wraps a
// socket of the same loop, and the handshake is done before the connection gets it. No method blocks.
//
// A transport may transform bytes and keep the result, for example sealed records, of which each is made once and must be sent as it is.
// Such bytes are pending: they were taken, so that the outbox no longer has them, and they are not sent.
type Transport interface {
	// Read reads into p, which may be used as scratch space as a whole. more reports whether another Read may return bytes at once, also
	// without an event of the socket. n may be 0, if only a part of a record has come. The error is EAGAIN if there is nothing to read, and
	// any other error ends the connection. Called on the poller.
	Read(p []byte) (n int, more bool, err error)

	// Held returns the bytes of memory that the part of an incomplete record takes. They count like those of an unfinished message. Called
	// on the poller.
	Held() int

	// HungUp reports whether the peer has ended its side. Then all that it sent must be read in this event: the loop closes the socket
	// after it. Called on the poller.
	HungUp() bool

	// Write sends what is pending, then bytes of p, and returns how many bytes of p it took. The error is nil if it took all of p and
	// nothing is pending. With EAGAIN the socket is full: the loop's Written event follows once it accepts bytes again
	// (netpoll.SendOrWatch), and Write is not called before. Any other error ends the connection. Write does not keep p. Called on the shard.
	Write(p []byte) (n int, err error)

	// Pending returns how many bytes are pending. They count toward the limits of the outbox: a few KiB are enough. Called on the shard,
	// after a Write that returned EAGAIN.
	Pending() int

	// CloseWrite ends the direction to the peer, which then reads the end of the stream. Nothing is pending. Called on the shard.
	CloseWrite() error

	// End ends both directions at once. The error is net.ErrClosed if the socket is closed. Any goroutine may call it.
	End() error

	// Socket returns the socket below, by which the loop knows the connection. It is constant.
	Socket() *netpoll.Socket
}

// Alerter is a Transport that tells its peer why it ends: if HasAlert reports true after a Read failed, CloseWrite sends the reason. HasAlert is
// called on the poller.
type Alerter interface {
	Transport
	HasAlert() bool
}

var _ Transport = (*netpoll.TCP)(nil)
