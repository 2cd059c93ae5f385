package server

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

// conn is one client: its state from the hand-over of its socket to the end. It has no goroutine.
type conn struct {
	// Owned by the heartbeat.
	wheel.Links[conn]
	pinged atomic.Uint32 // tick of a ping that is not answered; 0 for none

	// Constant after newConn, but for pacedSince.
	nc         *netpoll.Socket
	shard      *shard
	id         uint64
	since      wheel.Tick
	pacedSince wheel.Tick // it has wanted more bytes than its rate since; 0 for not. Owned by the poller; here it takes no room
	source     *address   // nil where addresses do not count
	place      member     // of a plain connection: its one room

	session *session // of one that speaks the SDK protocol, else nil

	// Owned by the poller (by the shard until the socket is in the loop).
	decoder  ws.Decoder
	messages meter
	inRoom   meter // messages, of a plain connection
	frames   meter
	bytes    meter

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
	ready  atomic.Bool   // nbio sent the sentinel: the socket takes bytes again
	left   atomic.Bool   // counted out
}

// WheelLinks lets the wheel file a conn.
func (c *conn) WheelLinks() *wheel.Links[conn] { return &c.Links }

func (c *conn) closing() bool { return closeReason(c.reason.Load()) != stillOpen }

// address is whose it is: the peer's, or whom a proxy carries.
func (c *conn) address() string {
	if c.source != nil && c.source.at != household(peerOf(c.nc)) {
		return c.source.at.String()
	}
	remote := c.nc.RemoteAddr()
	if remote == nil { // it was reset before it was asked
		return ""
	}
	return remote.String()
}

// household is what counts as its address, also where connections of addresses are not counted.
func (c *conn) household() netip.Addr {
	if c.source != nil {
		return c.source.at
	}
	return household(peerOf(c.nc))
}

// congested says whether the room where c talks is behind, so that c is not to be read from. Called on the poller.
func (c *conn) congested() bool {
	r := c.talksIn()
	return r != nil && r.congested()
}

func (c *conn) talksIn() *room {
	if c.session != nil {
		return c.session.talksIn
	}
	return c.place.part.room
}

// joinedRooms are the names of the rooms that c hears. Called on c's shard.
func (c *conn) joinedRooms() []string {
	names := []string{}
	if c.session == nil {
		return append(names, c.place.part.room.name)
	}
	for _, sub := range c.session.joined {
		names = append(names, sub.room.name)
	}
	return names
}

// onData takes what the peer sent. Called on the poller; b is on loan for the call.
func (c *conn) onData(b []byte, now time.Duration) {
	add(&c.receivedBytes, uint64(len(b)))
	c.shard.hub.loop.received.Add(uint64(len(b)))
	c.spendBytes(now, len(b))
	c.take(b, now)
}

// take deals with bytes of the peer.
func (c *conn) take(b []byte, now time.Duration) {
	for len(b) > 0 && !c.closing() {
		if c.session != nil && c.session.waiting.Load() {
			c.session.keepUnread(b)
			return
		}
		began := c.decoder.Held() > 0
		m, rest, err := c.decoder.Next(&c.shard.hub.rules, b)
		if err != nil {
			c.fail(err)
			return
		}
		if held := c.decoder.Held(); began || held > 0 {
			c.shard.hub.noteUnfinished(c, held)
		}
		if m.Op == ws.OpContinuation {
			return
		}
		b = rest
		c.onMessage(m, now)
	}
}

func (c *conn) onMessage(m ws.Message, now time.Duration) {
	hub := c.shard.hub
	if !hub.frameRate.allow(&c.frames, now, m.Frames) {
		c.refuseFlood("too many frames")
		return
	}
	switch m.Op {
	case ws.OpText, ws.OpBinary:
		if c.session != nil {
			c.session.onFrame(m.Payload, now)
			return
		}
		if !hub.messageRate.allow(&c.messages, now, 1) {
			c.refuseFlood("too many messages")
			return
		}
		c.speak(m, now)
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

// speak says a plain client's message in its room.
func (c *conn) speak(m ws.Message, now time.Duration) {
	hub, r := c.shard.hub, c.place.part.room
	e := hub.admit(asker{inside: true}, view{name: r.name, options: r.options}, len(m.Payload))
	switch {
	case r.options.PublishProxy, e != nil && e != rejectLimit:
		c.close(closedForbidden, ws.ClosePolicy, "who does not sign in may only listen here")
	case e != nil:
		c.close(closedTooBig, ws.CloseTooBig, "message too big for this room")
	case !perSecond(r.options.Rate).allow(&c.inRoom, now, 1):
		c.refuseFlood("too many messages for this room")
	case !c.mayInSlowMode(r.name):
		c.refuseFlood("too many messages for this room, which is in slow mode")
	default:
		add(&c.receivedMessages, 1)
		hub.publish(r, m.Op, m.Payload)
	}
}

// mayInSlowMode holds a plain client to the slow mode of its room.
func (c *conn) mayInSlowMode(room string) bool {
	m := c.shard.hub.moderation
	if !m.slows(room) {
		return true
	}
	_, ok := m.maySpeak(speakerOf(c, ""), room)
	return ok
}

func (c *conn) refuseFlood(what string) { c.disconnect(disconnectTooMany, ws.ClosePolicy, what) }

// sayGoodbye tells a client that the server stops, and to come back.
func (c *conn) sayGoodbye() { c.disconnect(disconnectShutdown, ws.CloseRestart, "server restarts") }

// throwOut ends a connection as the operator wishes: its client is not to come back by itself.
func (c *conn) throwOut() { c.disconnect(disconnectForced, ws.ClosePolicy, "closed by the operator") }

// disconnect closes a session as the SDKs understand it, and a plain connection for the same reason with a code of RFC 6455.
func (c *conn) disconnect(d disconnect, code ws.CloseCode, text string) {
	if c.session != nil {
		c.session.disconnect(d)
		return
	}
	c.close(d.reason, code, text)
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
	if c.closing() || c.session != nil && !c.session.farewell.CompareAndSwap(nil, &farewell{code, text}) {
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
		c.shard.hub.log.Debug("end socket", "conn", c.id, "error", err)
	}
}

// encode makes the one frame that all receivers share.
func encode(op ws.Opcode, payload []byte) []byte {
	return ws.AppendFrame(make([]byte, 0, ws.FrameSize(len(payload))), op, payload)
}

// add is for counters with one writer: cheaper than a locked addition.
func add(counter *atomic.Uint64, n uint64) { counter.Store(counter.Load() + n) }
