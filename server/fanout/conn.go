package fanout

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

// Conn is one client: its state from the hand-over of its socket to the end. It has no goroutine.
type Conn struct {
	// Owned by the heartbeat.
	wheel.Links[Conn]
	Pinged atomic.Uint32 // tick of a ping that is not answered; 0 for none
	flags  atomic.Uint32 // of those below, each with one writer at a time; here they take no room

	// Constant after newConn, but for pacedSince.
	Nc         *netpoll.Socket
	Shard      *Shard
	Handler    handler
	Id         uint64
	Since      wheel.Tick
	PacedSince wheel.Tick // it has wanted more bytes than its rate since; 0 for not. Owned by the poller; here it takes no room

	// Owned by the poller (by the shard until the socket is in the loop).
	Decoder ws.Decoder
	frames  limiter.Meter
	Bytes   limiter.Meter

	// Owned by the shard.
	Out          *Outbox // what the socket refused; nil while all is sent
	ConnAt       int32   // index in shard.conns
	Finishing    bool    // the close frame is sent or queued: nothing may follow it
	waiting      bool    // in one of the poller's lists of connections to read later. Owned by the poller; here it takes no room
	sentBytes    uint64
	SentMessages uint64

	// Written by the poller.
	receivedBytes    atomic.Uint64
	ReceivedMessages atomic.Uint64
	Seen             atomic.Uint32 // tick of the last bytes from the peer

	// Written by the shard, read by the heartbeat.
	Stalled atomic.Uint32 // tick of the last progress on a full socket; 0 while all is sent
	CloseBy atomic.Uint32 // tick at which an unfinished close is cut short; 0 for none

	Reason atomic.Uint32 // a closeReason; once it is not stillOpen, nothing more is read from the peer
}

// What is or is not so of a connection.
const (
	ready uint32 = 1 << iota // nbio sent the sentinel: the socket takes bytes again
	Left                     // counted out
	Held                     // held back: what is read goes to handler.OnUnread, and no more is read. Written by the poller
)

func (c *Conn) Is(flag uint32) bool { return c.flags.Load()&flag != 0 }

// Set sets a flag and returns whether it was set.
func (c *Conn) Set(flag uint32) (was bool) { return c.flags.Or(flag)&flag != 0 }

// unset clears a flag and returns whether it was set.
func (c *Conn) unset(flag uint32) (was bool) { return c.flags.And(^flag)&flag != 0 }

// Hold holds the connection back, or no longer.
func (c *Conn) Hold(on bool) {
	if on {
		c.Set(Held)
	} else {
		c.unset(Held)
	}
}

// WheelLinks lets the wheel file a conn.
func (c *Conn) WheelLinks() *wheel.Links[Conn] { return &c.Links }

func (c *Conn) Closing() bool { return Reason(c.Reason.Load()) != StillOpen }

// Address is whose it is: the peer's, or whom a proxy carries.
func (c *Conn) Address() string {
	if at := c.Handler.Address(); at.IsValid() && at != limiter.AddressKey(PeerOf(c.Nc)) {
		return at.String()
	}
	remote := c.Nc.RemoteAddr()
	if remote == nil { // it was reset before it was asked
		return ""
	}
	return remote.String()
}

// Household is what counts as its address, also where connections of addresses are not counted.
func (c *Conn) Household() netip.Addr {
	if at := c.Handler.Address(); at.IsValid() {
		return at
	}
	return limiter.AddressKey(PeerOf(c.Nc))
}

// congested says whether c is not to be read from, as what it publishes to is behind. Called on the poller.
func (c *Conn) congested() bool {
	a := c.Handler.PublishesTo()
	return a != nil && a.Congested()
}

// joinedRooms are the names of the rooms that c hears. Called on c's shard.
func (c *Conn) joinedRooms() []string {
	names := []string{}
	for i := 0; ; i++ {
		m := c.Handler.Member(i)
		if m == nil {
			return names
		}
		names = append(names, m.Topic.Audience.Name)
	}
}

// Poller is the one that reads from c.
func (c *Conn) Poller() *Poller { return c.Shard.Engine.Loop.PollerOf(c) }

// OnData takes what the peer sent. Called on the poller; b is on loan for the call.
func (c *Conn) OnData(b []byte, now time.Duration) {
	AddTo(&c.receivedBytes, uint64(len(b)))
	c.Shard.Engine.Loop.Received.Add(uint64(len(b)))
	c.spendBytes(now, len(b))
	c.Take(b, now)
}

// Take deals with bytes of the peer.
func (c *Conn) Take(b []byte, now time.Duration) {
	for len(b) > 0 && !c.Closing() {
		if c.Is(Held) {
			c.Handler.OnUnread(b)
			return
		}
		began := c.Decoder.Held() > 0
		m, rest, err := c.Decoder.Next(&c.Shard.Engine.Rules, b)
		if err != nil {
			c.fail(err)
			return
		}
		if held := c.Decoder.Held(); began || held > 0 {
			c.Shard.Engine.noteUnfinished(c, held)
		}
		if m.Op == ws.OpContinuation {
			return
		}
		b = rest
		c.onMessage(m, now)
	}
}

func (c *Conn) onMessage(m ws.Message, now time.Duration) {
	if !c.Shard.Engine.frameRate.Allow(&c.frames, now, m.Frames) {
		c.End(ClosedRate, "too many frames")
		return
	}
	switch m.Op {
	case ws.OpText, ws.OpBinary:
		c.Handler.OnMessage(m.Op, m.Payload, now)
	case ws.OpPing:
		// 5.5.3: a pong carries its ping's payload.
		c.Shard.Post(Job{Do: SendFrame, Conn: c, Frame: EncodeFrame(ws.OpPong, m.Payload)})
	case ws.OpPong:
		// That bytes came was noted when they were read; which ping a pong answers does not matter.
	case ws.OpClose:
		code, _, err := ws.ParseClose(m.Payload)
		if err != nil {
			c.fail(err)
			return
		}
		// 5.5.1: the answer usually echoes the code.
		c.Close(ClosedByClient, code, "")
	}
}

// End closes the connection for a reason that is not its client's: with the code of the client's protocol, and with text unless that
// protocol has words of its own. Any goroutine may call it; it does not block.
func (c *Conn) End(reason Reason, text string) {
	code, text := c.Handler.CloseFor(reason, text)
	c.Close(reason, code, text)
}

// fail closes a connection whose peer broke the protocol.
func (c *Conn) fail(err error) {
	bad := &ws.CloseError{Code: ws.CloseInternal}
	reason := ClosedPanic
	if errors.As(err, &bad) {
		switch bad.Code {
		case ws.CloseInvalidData:
			reason = ClosedNotUTF8
		case ws.CloseTooBig:
			reason = ClosedTooBig
		default:
			reason = ClosedProtocol
		}
	}
	c.Close(reason, bad.Code, bad.Reason)
}

// Close ends the connection in an orderly way: what the peer sends from now on is not read, what it was sent before still
// arrives, then the close frame, then the end of TCP. Any goroutine may call it; it does not block. Only the first call
// counts.
func (c *Conn) Close(reason Reason, code ws.CloseCode, text string) {
	if c.Closing() || !c.Handler.OnClose(code, text) {
		return
	}
	if !c.Reason.CompareAndSwap(uint32(StillOpen), uint32(reason)) {
		return
	}
	c.Shard.Post(Job{Do: SendClose, Conn: c, Frame: EncodeFrame(ws.OpClose, ws.ClosePayload(code, text))})
}

// Cut ends the connection at once. What was not sent is lost, and counted. Any goroutine may call it; it does not block.
func (c *Conn) Cut(reason Reason) {
	c.Reason.CompareAndSwap(uint32(StillOpen), uint32(reason))
	if err := netpoll.End(c.Nc); err != nil && !errors.Is(err, net.ErrClosed) {
		c.Shard.Engine.Log.Debug("end socket", "conn", c.Id, "error", err)
	}
}

// EncodeFrame makes the one frame that all receivers share.
func EncodeFrame(op ws.Opcode, payload []byte) []byte {
	return ws.AppendFrame(make([]byte, 0, ws.FrameSize(len(payload))), op, payload)
}

// AddTo is for counters with one writer: cheaper than a locked addition.
func AddTo(counter *atomic.Uint64, n uint64) { counter.Store(counter.Load() + n) }
