package agent

import (
	"sync"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/inflate"
	"github.com/throng-chat/throng/bench/tlsclient"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

// conn is one client connection. It takes about 150 bytes beside nbio's 370 and those of its TLS, has no goroutine, and has a buffer only
// while a frame is incomplete.
type conn struct {
	// Constant after the dial.
	nc     *netpoll.Socket
	tls    *tlsclient.Session // nil without TLS
	poller *poller
	room   *room
	target uint8 // number of the target

	// Guarded by poller.mu.
	handshake *handshake  // nil after the response
	tail      []byte      // the beginning of an incomplete frame
	position  *position   // nil without --resume, or before the join
	decoder   *ws.Decoder // nil for a stream that nextFrame can read
	member    member
	stopped   int64 // the time at which it stopped reading; 0 while it reads
	state     state
	deflation deflation
	window    *inflate.Window // nil, unless the server has context takeover
	touched   bool            // it was killed, or replaces a connection that was killed
}

// state is the phase of a connection.
type state uint8

const (
	opening state = iota
	open
	closing // a close frame was received, so the end of the connection is expected
	leaving // a close frame was sent, or the connection was killed, as planned: what it still receives does not count
	closed
)

// keptTail is the capacity up to which the memory of a tail is reused, in bytes.
const keptTail = 1 << 10

// is returns the state of c. The caller must not hold the poller's lock.
func (c *conn) is() state {
	c.poller.mu.Lock()
	defer c.poller.mu.Unlock()
	return c.state
}

// listens reports whether c is a member that reads. The caller holds the poller's lock.
func (c *conn) listens() bool { return c.state == open && c.stopped == 0 }

// poller reads a share of the connections on one of nbio's goroutines. It takes its lock once per read, because the ticks and the end of
// the run read its counters.
type poller struct {
	check        *deliveryCheck
	protocol     *Protocol
	mark         []byte // the first bytes of each message of the run
	headLen      int    // number of bytes before the payload in a frame with one of our messages
	headWord     uint32 // those bytes, if there are 2 or 4; a frame with a longer head does not fit into a read
	headMask     uint32
	spanMask     uint32
	rules        ws.Rules
	deflateRules ws.Rules    // of connections that negotiated permessage-deflate
	pairs        *pairs      // nil unless rooms are spread over the targets
	again        func(*conn) // closed loop: called when a publisher has received its own message; nil in the open loop

	mu       sync.Mutex
	inflater *inflate.Inflater   // nil before the first compressed message
	each     histogram.Histogram // latency from the scheduled time, for members that were never killed
	sent     histogram.Histogram // the same deliveries, from the send
	touched  histogram.Histogram // latency from the scheduled time, for the other members
	ping     histogram.Histogram
	loopLag  histogram.Histogram
	spans    spanTable
	count    Tally
	closes   map[string]int // connections that the server ended, by reason
	cut      histogram.Histogram
	cuts     map[string]int // those of connections that had stopped reading, by reason
	finished bool           // the run is over, so connections may end
	orphans  *orphans       // nil unless a node ends
	doomed   uint8          // its target
	event    int64          // the time of its end
}

// part removes c from its room. What c receives after that does not count. It returns false if c is not open. The caller holds the poller's
// lock.
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

// follow makes c the next connection of the client that had the connection from. No poller reads c yet.
func (c *conn) follow(from *conn) {
	from.poller.mu.Lock()
	defer from.poller.mu.Unlock()
	c.touched = from.touched
	if from.member.away {
		c.member = from.member
		at := *from.position // a copy: if c does not open, the next attempt starts at the same position
		c.position = &at
	}
}
