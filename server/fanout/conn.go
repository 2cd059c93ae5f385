package fanout

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

// Conn is one connection: its state from the handover of its transport to the end. It has no goroutine.
type Conn struct {
	// Owned by the heartbeat.
	wheel.Links[Conn]
	Pinged atomic.Uint32 // tick of a ping that is not answered; 0 for none

	status // any goroutine; it stands here because it fills a gap

	// Constant after NewConn.
	Transport Transport
	Shard     *Shard
	Handler   Handler
	Id        uint64
	Since     wheel.Tick

	// Owned by the poller (by the shard until the socket is in the loop).
	PacedSince wheel.Tick // tick since which it has exceeded its rate of bytes; 0 for not
	Decoder    ws.Decoder
	frames     limiter.Meter
	Bytes      limiter.Meter

	// Owned by the shard.
	Out          *Outbox // bytes that the transport did not send; nil if it sent all
	sentBytes    uint64
	SentMessages uint64
	ConnAt       int32 // index in Shard.Conns

	// Written by the shard, read by the heartbeat.
	Stalled atomic.Uint32 // tick of the last progress on a full socket; 0 while all is sent
	CloseBy atomic.Uint32 // tick at which an unfinished close is ended; 0 for none

	// Written by the poller.
	Seen             atomic.Uint32 // tick of the last bytes from the peer
	receivedBytes    atomic.Uint64
	ReceivedMessages atomic.Uint64
}

// Handler is a client: what its bytes mean. A connection knows nothing else of the protocol that it carries. No method may block.
type Handler interface {
	// OnOpen is called on the shard, when the answer to the handshake has been written. What the client sent ahead of it has been handled
	// like all its bytes, unless the connection was held back.
	OnOpen()

	// OnMessage handles a message. Called on the poller, one call at a time; b is on loan for the call.
	OnMessage(op ws.Opcode, b []byte, now time.Duration)

	// OnUnread takes what has been read of a connection that is held back. Called on the poller; b is on loan for the call.
	OnUnread(b []byte)

	// OnFlood says that the client has wanted more than its rate of bytes for too long, and that it no longer does. Called on the poller.
	OnFlood(on bool)

	// OnDeadline says that the deadline of timers has come, or, where the clock stepped, that it may have. Called on the poller. Only for
	// one with timers.
	OnDeadline(stepped bool)

	// OnGap ends what the client has in an audience of which it missed a message. Called on the poller.
	OnGap(a *Audience)

	// OnClose says that the connection ends in an orderly way, with that close frame: false where it ends already. Called once or more, by
	// any goroutine.
	OnClose(code ws.CloseCode, text string) bool

	// OnGone says that the socket is closed. The handler has Shared.Leave called, once, on the goroutine that owns the client. Called on
	// the closer.
	OnGone()

	// OnLeave takes the client out of everything it is in. Called by Shared.Leave.
	OnLeave()

	// Timers are those of a protocol that pings by itself and has deadlines; nil where a silent connection is pinged by RFC 6455.
	Timers() *Timers

	// PingFrame is what is sent as a ping.
	PingFrame() []byte

	// CloseFor is the close frame for a reason that is not the client's. It may have words of its own in place of text.
	CloseFor(reason Reason, text string) (ws.CloseCode, string)

	// PublishesTo is where the client makes others receive something: it is not read from while that is over its limit. nil for nowhere.
	// Called on the poller.
	PublishesTo() *Audience

	// OnJoined and onLeft say that a member of the client entered its topic, and left it. Called on the shard.
	OnJoined(m *Member)
	OnLeft(m *Member)

	// Member is the i-th place that the client has in a topic, nil behind the last. Called on the shard.
	Member(i int) *Member

	// Address is whose the client is, where a proxy or the count of addresses says it; the zero Addr where only the socket does.
	Address() netip.Addr
}

// Timers are the ticks at which something is due for a client. Any goroutine may use them; the heartbeat has to be told of one that
// comes nearer (Heartbeat.File).
type Timers struct {
	PingAt   atomic.Uint32 // of the next ping; 0 for none
	Deadline atomic.Uint32 // of Handler.OnDeadline; 0 for none
}

// WheelLinks lets the wheel file a conn.
func (c *Conn) WheelLinks() *wheel.Links[Conn] { return &c.Links }

// Address is whose it is: the peer's, or whom a proxy carries.
func (c *Conn) Address() string {
	if at := c.Handler.Address(); at.IsValid() && at != limiter.AddressKey(PeerOf(c.Transport.Socket())) {
		return at.String()
	}
	remote := c.Transport.Socket().RemoteAddr()
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
	return limiter.AddressKey(PeerOf(c.Transport.Socket()))
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
func (c *Conn) Poller() *Poller { return c.Shard.Shared.Pollers.of(c.Transport.Socket()) }

// End closes the connection for a reason that is not its client's: with the code of the client's protocol, and with text unless that
// protocol has words of its own. Any goroutine may call it; it does not block.
func (c *Conn) End(reason Reason, text string) {
	code, text := c.Handler.CloseFor(reason, text)
	c.Close(reason, code, text)
}

// Close ends the connection in an orderly way: what the peer sends from now on is not read, what it was sent before still
// arrives, then the close frame, then the end of TCP. Any goroutine may call it; it does not block. Only the first call
// counts.
func (c *Conn) Close(reason Reason, code ws.CloseCode, text string) {
	if c.Closing() || !c.Handler.OnClose(code, text) {
		return
	}
	if !c.SetReason(reason) {
		return
	}
	c.Shard.Post(Job{Do: SendClose, Conn: c, Frame: EncodeFrame(ws.OpClose, ws.ClosePayload(code, text))})
}

// Cut ends the connection at once. What was not sent is lost, and counted. Any goroutine may call it; it does not block.
func (c *Conn) Cut(reason Reason) {
	c.SetReason(reason)
	if err := c.Transport.End(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.Shard.Shared.Log.Debug("end socket", "conn", c.Id, "error", err)
	}
}

// EncodeFrame makes the one frame that all receivers share.
func EncodeFrame(op ws.Opcode, payload []byte) []byte {
	return ws.AppendFrame(make([]byte, 0, ws.FrameSize(len(payload))), op, payload)
}

// AddTo is for counters with one writer: cheaper than a locked addition.
func AddTo(counter *atomic.Uint64, n uint64) { counter.Store(counter.Load() + n) }

// endUnfinished closes the connection and releases the part of a message that it holds, which may be another poller's.
func (c *Conn) endUnfinished(why string) {
	c.Close(ClosedUnfinished, ws.ClosePolicy, why)
	c.Poller().Post(func() { c.Decoder = ws.Decoder{} })
}
