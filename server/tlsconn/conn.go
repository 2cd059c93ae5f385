//go:build unix

package tlsconn

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/tlsrec"
	"github.com/throng-chat/throng/server/wheel"
)

const (
	// smallRecord is the number of bytes of data in one record to a socket that may become full: a slow consumer holds no more of them sealed.
	// Other records have up to tlsrec.MaxPlaintext.
	smallRecord = 4 << 10

	// busyTicks is the time between two uses of a direction in which its AES object is worth its memory (usage).
	busyTicks wheel.Tick = 20
)

// Conn is TLS over a socket of the event loop: a fanout.Transport.
type Conn struct {
	socket *netpoll.Socket   // constant
	tick   func() wheel.Tick // constant

	records tlsrec.Conn // In: owned by the poller. Out: owned by the shard
	answer  atomic.Bool // the peer wants a KeyUpdate. Set by the poller, cleared by the shard

	in     usage         // of records.In. Owned by the poller
	out    usage         // of records.Out. Owned by the shard
	fault  atomic.Uint32 // of the peer: its alert, plus one; 0 for none. Set by the poller, read by the shard
	unsent *[]byte       // sealed bytes that the socket did not take: they go first; nil for none. Owned by the shard
}

// usage is how often a direction is used. An AES object takes 768 bytes; without it, the next record makes it again, with 1.3 KB of garbage,
// in 0.5 µs. So it is kept after three uses with at most busyTicks between them: neither the response to the upgrade with a ping soon after
// it, nor one message and its answer, make the object stay until the next ping.
type usage struct {
	last wheel.Tick // of the last use; 0 before the first
	busy bool       // the use before was at most busyTicks earlier
}

// isRare notes a use at now, and reports whether the AES object is not worth keeping.
func (u *usage) isRare(now wheel.Tick) bool {
	soon := u.last != 0 && now-u.last <= busyTicks
	rare := !soon || !u.busy
	u.last, u.busy = now, soon
	return rare
}

// buffers are for sealed records, until they are sent.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, tlsrec.SealedLen(tlsrec.MaxPlaintext))
	return &b
}}

// New takes over the socket and the records of a Stream that is not used any more. The caller takes the data that was read from the Stream before
// (Stream.Rest). tick returns the current tick; it must not block.
func New(socket *netpoll.Socket, s *Stream, tick func() wheel.Tick) *Conn {
	c := &Conn{socket: socket, tick: tick, records: *s.records}
	c.answer.Store(s.answer.Load())
	c.records.In.Park()  // the handshake has used both, and most connections
	c.records.Out.Park() // are silent after it
	return c
}

// Read opens the records that the socket has, into p, which has at least tlsrec.MaxPlaintext bytes. After close_notify, and after the end of
// TCP without it, the error is io.EOF. Called on the poller.
func (c *Conn) Read(p []byte) (n int, more bool, err error) {
	if c.fault.Load() != 0 {
		return 0, false, syscall.EAGAIN // until the shard has ended the connection
	}
	src := p
	if need := c.records.In.Need(); need > 0 { // p has space for one whole record, but not for more bytes after it
		src = p[:min(need, len(p))]
	}
	got, err := c.socket.Read(src)
	switch {
	case errors.Is(err, syscall.EINTR):
		return 0, true, nil
	case err != nil:
		return 0, false, err
	case got == 0:
		return 0, false, io.EOF
	}
	more, src = got == len(src), src[:got]
	for {
		r, rest, err := c.records.In.Open(src)
		src = rest
		switch {
		case err != nil:
			c.noteFault(err)
			return n, false, err
		case r.Kind == tlsrec.Closed:
			return n, false, io.EOF
		case r.Kind == tlsrec.UpdateRequested:
			c.answer.Store(true)
		case r.Kind == tlsrec.Data:
			n += copy(p[n:], r.Data) // in front of the bytes that are still to be opened
		case r.Kind == tlsrec.More:
			if c.in.isRare(c.tick()) {
				c.records.In.Park()
			}
			return n, more, nil
		}
	}
}

// noteFault keeps the alert for the peer, if err is a fault of it.
func (c *Conn) noteFault(err error) {
	if e, ok := errors.AsType[*tlsrec.Error](err); ok && !e.Received {
		c.fault.Store(uint32(e.Alert) + 1)
	}
}

// HasAlert reports whether the peer broke the protocol, so that CloseWrite sends an alert. Called on the poller.
func (c *Conn) HasAlert() bool { return c.fault.Load() != 0 }

// Held is the number of bytes of memory that an incomplete record takes. Called on the poller.
func (c *Conn) Held() int { return c.records.In.Held() }

// HungUp reports whether the peer has ended its side of TCP.
func (c *Conn) HungUp() bool { return netpoll.HungUp(c.socket) }

// Write sends the sealed bytes that wait, then seals and sends p, and returns how many bytes of p it sealed: these are sent, or pending. With
// EAGAIN the socket is full. Called on the shard.
func (c *Conn) Write(p []byte) (n int, err error) {
	if c.unsent != nil {
		if err := c.sendUnsent(); err != nil {
			return 0, err
		}
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for n < len(p) && err == nil {
		b := p[n:min(n+c.recordSize(len(p)-n), len(p))]
		sealed := (*buf)[:0]
		if c.answer.Load() && c.answer.Swap(false) {
			sealed = c.records.Out.KeyUpdate(sealed)
		}
		if sealed, err = c.records.Out.Seal(sealed, b); err != nil {
			return n, err
		}
		var sent int
		if sent, err = netpoll.SendOrWatch(c.socket, sealed); sent < len(sealed) {
			rest := bytes.Clone(sealed[sent:])
			c.unsent = &rest
		}
		n += len(b)
	}
	if c.out.isRare(c.tick()) {
		c.records.Out.Park()
	}
	return n, err
}

// recordSize returns how many of n bytes the next record carries. More than smallRecord are sealed only if the socket takes all of it.
func (c *Conn) recordSize(n int) int {
	if n > smallRecord && netpoll.HasRoom(c.socket, tlsrec.SealedLen(tlsrec.MaxPlaintext)) {
		return tlsrec.MaxPlaintext
	}
	return smallRecord
}

// sendUnsent sends the unsent bytes. The error is nil if the socket took all of them.
func (c *Conn) sendUnsent() error {
	rest := *c.unsent
	sent, err := netpoll.SendOrWatch(c.socket, rest)
	if rest = rest[sent:]; len(rest) == 0 {
		c.unsent = nil
		return err
	}
	*c.unsent = rest
	return err
}

// Pending is the number of sealed bytes that wait. Called on the shard.
func (c *Conn) Pending() int {
	if c.unsent == nil {
		return 0
	}
	return len(*c.unsent)
}

// CloseWrite sends close_notify, or the alert for a fault of the peer, if the socket has room for it, and ends our side of TCP. Called on the
// shard.
func (c *Conn) CloseWrite() error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	var cause error
	if fault := c.fault.Load(); fault != 0 {
		cause = &tlsrec.Error{Alert: tls.AlertError(fault - 1)}
	}
	_, err := netpoll.Send(c.socket, c.records.Out.Close((*buf)[:0], cause))
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		err = nil // the end of TCP has the same meaning
	}
	return errors.Join(err, netpoll.CloseWrite(c.socket))
}

// End ends both directions of TCP at once. Any goroutine may call it.
func (c *Conn) End() error { return netpoll.End(c.socket) }

// Socket is the socket below.
func (c *Conn) Socket() *netpoll.Socket { return c.socket }
