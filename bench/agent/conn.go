package agent

import (
	"sync"

	"github.com/throng-chat/throng/bench/histogram"
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

// poller reads a share of the connections on one of nbio's goroutines. Its lock is taken once a read, so that the ticks and
// the end of the run can look at what it counts.
type poller struct {
	proof    *proof
	protocol *Protocol
	mark     []byte // how a message begins
	headLen  int    // bytes before the payload in a frame with one of our messages
	headWord uint32 // those bytes, where they are 2 or 4; a larger frame does not fit into a read
	headMask uint32
	spanMask uint32
	rules    ws.Rules
	again    func(*conn) // of a closed loop: a publisher has its own message back; nil in the open loop

	mu       sync.Mutex
	each     histogram.Histogram // deliveries from the intended moment, to members that were never killed
	sent     histogram.Histogram // the same deliveries, from the send
	touched  histogram.Histogram // deliveries from the intended moment, to the others
	ping     histogram.Histogram
	loopLag  histogram.Histogram
	spans    spanTable
	count    Tally
	closes   map[string]int // connections ended by the other side, by why
	cut      histogram.Histogram
	cuts     map[string]int // of those that had stopped reading
	finished bool           // the run is over: connections may end
}

// part takes c out of its room, and what still comes of it does not count. It is false when c is not open. The poller's lock is
// held.
func (c *conn) part() bool {
	if !c.listens() {
		return false
	}
	if c.position != nil {
		c.room.suspend(&c.member, Now())
	} else {
		c.room.leave(&c.member)
	}
	c.state = leaving
	c.poller.count.Left++
	return true
}

// follow makes c, which nobody reads yet, the next connection of the client that from was.
func (c *conn) follow(from *conn) {
	from.poller.mu.Lock()
	defer from.poller.mu.Unlock()
	c.touched = from.touched
	if from.member.away {
		c.member = from.member
		at := *from.position // a copy: if c does not open, another begins where from was
		c.position = &at
	}
}
