package server

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

// conn is one client: its state from the hand-over of its socket to the end. It has no goroutine.
type conn struct {
	// Owned by the heartbeat.
	wheel.Links[conn]
	pinged atomic.Uint32 // tick of a ping that is not answered; 0 for none
	flags  atomic.Uint32 // of those below, each with one writer at a time; here they take no room

	// Constant after newConn, but for pacedSince.
	nc         *netpoll.Socket
	shard      *shard
	handler    handler
	id         uint64
	since      wheel.Tick
	pacedSince wheel.Tick // it has wanted more bytes than its rate since; 0 for not. Owned by the poller; here it takes no room

	// Owned by the poller (by the shard until the socket is in the loop).
	decoder ws.Decoder
	frames  limiter.Meter
	bytes   limiter.Meter

	// Owned by the shard.
	out          *outbox // what the socket refused; nil while all is sent
	connAt       int32   // index in shard.conns
	finishing    bool    // the close frame is sent or queued: nothing may follow it
	waiting      bool    // in one of the poller's lists of connections to read later. Owned by the poller; here it takes no room
	sentBytes    uint64
	sentMessages uint64

	// Written by the poller.
	receivedBytes    atomic.Uint64
	receivedMessages atomic.Uint64
	seen             atomic.Uint32 // tick of the last bytes from the peer

	// Written by the shard, read by the heartbeat.
	stalled atomic.Uint32 // tick of the last progress on a full socket; 0 while all is sent
	closeBy atomic.Uint32 // tick at which an unfinished close is cut short; 0 for none

	reason atomic.Uint32 // a closeReason; once it is not stillOpen, nothing more is read from the peer
}

// What is or is not so of a connection.
const (
	ready uint32 = 1 << iota // nbio sent the sentinel: the socket takes bytes again
	left                     // counted out
	held                     // held back: what is read goes to handler.onUnread, and no more is read. Written by the poller
)

func (c *conn) is(flag uint32) bool { return c.flags.Load()&flag != 0 }

// set sets a flag and returns whether it was set.
func (c *conn) set(flag uint32) (was bool) { return c.flags.Or(flag)&flag != 0 }

// unset clears a flag and returns whether it was set.
func (c *conn) unset(flag uint32) (was bool) { return c.flags.And(^flag)&flag != 0 }

// hold holds the connection back, or no longer.
func (c *conn) hold(on bool) {
	if on {
		c.set(held)
	} else {
		c.unset(held)
	}
}

// WheelLinks lets the wheel file a conn.
func (c *conn) WheelLinks() *wheel.Links[conn] { return &c.Links }

func (c *conn) closing() bool { return closeReason(c.reason.Load()) != stillOpen }

// address is whose it is: the peer's, or whom a proxy carries.
func (c *conn) address() string {
	if at := c.handler.address(); at.IsValid() && at != limiter.AddressKey(peerOf(c.nc)) {
		return at.String()
	}
	remote := c.nc.RemoteAddr()
	if remote == nil { // it was reset before it was asked
		return ""
	}
	return remote.String()
}

// household is what counts as its address, also where connections of addresses are not counted.
func (c *conn) household() netip.Addr {
	if at := c.handler.address(); at.IsValid() {
		return at
	}
	return limiter.AddressKey(peerOf(c.nc))
}

// congested says whether c is not to be read from, as what it publishes to is behind. Called on the poller.
func (c *conn) congested() bool {
	a := c.handler.publishesTo()
	return a != nil && a.congested()
}

// joinedRooms are the names of the rooms that c hears. Called on c's shard.
func (c *conn) joinedRooms() []string {
	names := []string{}
	for i := 0; ; i++ {
		m := c.handler.member(i)
		if m == nil {
			return names
		}
		names = append(names, m.topic.audience.name)
	}
}

// poller is the one that reads from c.
func (c *conn) poller() *poller { return c.shard.engine.loop.pollerOf(c) }

// onData takes what the peer sent. Called on the poller; b is on loan for the call.
func (c *conn) onData(b []byte, now time.Duration) {
	add(&c.receivedBytes, uint64(len(b)))
	c.shard.engine.loop.received.Add(uint64(len(b)))
	c.spendBytes(now, len(b))
	c.take(b, now)
}

// take deals with bytes of the peer.
func (c *conn) take(b []byte, now time.Duration) {
	for len(b) > 0 && !c.closing() {
		if c.is(held) {
			c.handler.onUnread(b)
			return
		}
		began := c.decoder.Held() > 0
		m, rest, err := c.decoder.Next(&c.shard.engine.rules, b)
		if err != nil {
			c.fail(err)
			return
		}
		if held := c.decoder.Held(); began || held > 0 {
			c.shard.engine.noteUnfinished(c, held)
		}
		if m.Op == ws.OpContinuation {
			return
		}
		b = rest
		c.onMessage(m, now)
	}
}

func (c *conn) onMessage(m ws.Message, now time.Duration) {
	if !c.shard.engine.frameRate.Allow(&c.frames, now, m.Frames) {
		c.end(closedRate, "too many frames")
		return
	}
	switch m.Op {
	case ws.OpText, ws.OpBinary:
		c.handler.onMessage(m.Op, m.Payload, now)
	case ws.OpPing:
		// 5.5.3: a pong carries its ping's payload.
		c.shard.post(job{do: sendFrame, conn: c, frame: encode(ws.OpPong, m.Payload)})
	case ws.OpPong:
		// That bytes came was noted when they were read; which ping a pong answers does not matter.
	case ws.OpClose:
		code, _, err := ws.ParseClose(m.Payload)
		if err != nil {
			c.fail(err)
			return
		}
		// 5.5.1: the answer usually echoes the code.
		c.close(closedByClient, code, "")
	}
}

// end closes the connection for a reason that is not its client's: with the code of the client's protocol, and with text unless that
// protocol has words of its own. Any goroutine may call it; it does not block.
func (c *conn) end(reason closeReason, text string) {
	code, text := c.handler.closeFor(reason, text)
	c.close(reason, code, text)
}

// fail closes a connection whose peer broke the protocol.
func (c *conn) fail(err error) {
	bad := &ws.CloseError{Code: ws.CloseInternal}
	reason := closedPanic
	if errors.As(err, &bad) {
		switch bad.Code {
		case ws.CloseInvalidData:
			reason = closedNotUTF8
		case ws.CloseTooBig:
			reason = closedTooBig
		default:
			reason = closedProtocol
		}
	}
	c.close(reason, bad.Code, bad.Reason)
}

// close ends the connection in an orderly way: what the peer sends from now on is not read, what it was sent before still
// arrives, then the close frame, then the end of TCP. Any goroutine may call it; it does not block. Only the first call
// counts.
func (c *conn) close(reason closeReason, code ws.CloseCode, text string) {
	if c.closing() || !c.handler.onClose(code, text) {
		return
	}
	if !c.reason.CompareAndSwap(uint32(stillOpen), uint32(reason)) {
		return
	}
	c.shard.post(job{do: sendClose, conn: c, frame: encode(ws.OpClose, ws.ClosePayload(code, text))})
}

// cut ends the connection at once. What was not sent is lost, and counted. Any goroutine may call it; it does not block.
func (c *conn) cut(reason closeReason) {
	c.reason.CompareAndSwap(uint32(stillOpen), uint32(reason))
	if err := netpoll.End(c.nc); err != nil && !errors.Is(err, net.ErrClosed) {
		c.shard.engine.log.Debug("end socket", "conn", c.id, "error", err)
	}
}

// encode makes the one frame that all receivers share.
func encode(op ws.Opcode, payload []byte) []byte {
	return ws.AppendFrame(make([]byte, 0, ws.FrameSize(len(payload))), op, payload)
}

// add is for counters with one writer: cheaper than a locked addition.
func add(counter *atomic.Uint64, n uint64) { counter.Store(counter.Load() + n) }
