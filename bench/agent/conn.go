package agent

import (
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

// conn is one client: about 130 bytes, beside nbio's 370. It has no goroutine, and no buffer while nothing is half read.
type conn struct {
	// Constant after the dial.
	nc     *netpoll.Socket
	poller *poller
	room   *room

	// Guarded by poller.mu.
	handshake *handshake  // nil once it is answered
	tail      []byte      // a frame of which more must come
	position  *position   // nil where none is kept, or until it has joined
	decoder   *ws.Decoder // nil for a stream that nextFrame can read
	member    member
	stopped   int64 // when it stopped reading; 0 while it reads
	state     state
	touched   bool // it was killed, or is one that came back after that
}

// state is how far a conn has come.
type state uint8

const (
	opening state = iota
	open
	closing // a close frame came: its end is no surprise any more
	leaving // close frame received, or was killed, as planned: what still comes does not count
	closed
)

// keptTail is how large a tail's memory may be to be kept for the next.
const keptTail = 1 << 10

// is says how far c has come, to whoever does not hold the poller's lock.
func (c *conn) is() state {
	c.poller.mu.Lock()
	defer c.poller.mu.Unlock()
	return c.state
}

// listens says whether c is a member that reads. The poller's lock is held.
func (c *conn) listens() bool { return c.state == open && c.stopped == 0 }
