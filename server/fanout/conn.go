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

	status // any goroutine; placed here to fill a gap in the layout

	// Constant after NewConn.
	Transport Transport
	Shard     *Shard
	Handler   Handler
	ID        uint64 // unique in the process
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
	seen             atomic.Uint32 // tick of the last bytes from the peer
	receivedBytes    atomic.Uint64
	ReceivedMessages atomic.Uint64
}

// Handler is a client: what its bytes mean. A connection knows nothing else of the protocol that it carries. No method may block.
type Handler interface {
	// OnOpen is called after the response to the handshake is written. Bytes that the client sent before it were handled like all others,
	// unless the connection was paused. Called on the shard.
	OnOpen()

	// OnMessage handles a message. b is borrowed for the call. Called on the poller, one call at a time. Messages that came before the
	// response to the handshake are handled on the shard, before the poller reads from the connection.
	OnMessage(op ws.Opcode, b []byte, now time.Duration)

	// OnUnread keeps bytes that were read while the connection was paused (flag Paused). b is borrowed for the call. Called where OnMessage is.
	OnUnread(b []byte)

	// OnFlood is called with true while the client exceeds its rate of bytes for longer than PaceLimit, and with false when it no longer
	// exceeds the rate. Called on the poller.
	OnFlood(on bool)

	// OnDeadline is called when Timers.Deadline has come. With stepped, the wall clock has moved, and the deadline must be computed again.
	// It is not called if Timers returns nil. Called on the poller.
	OnDeadline(stepped bool)

	// OnGap ends the client's membership of an audience after it missed a message. Called on the poller.
	OnGap(a *Audience)

	// OnClosing is called before a close frame is sent. It returns false if the client already ends in another way: then no frame is sent.
	// Any goroutine may call it, also several times.
	OnClosing(code ws.CloseCode, text string) bool

	// OnClosed is called once, after the socket is closed. The handler then calls Core.Leave, on the goroutine that owns the client. Called on
	// the loop's closer goroutine; on the shard if the socket did not come into the loop.
	OnClosed()

	// OnLeave removes the client from everything that it is a member of. Called by Core.Leave.
	OnLeave()

	// Timers returns the timers of a protocol that has its own pings and deadlines; nil if RFC 6455 pings a silent connection.
	Timers() *Timers

	// PingFrame returns the frame of a ping. It is shared and not changed.
	PingFrame() []byte

	// CloseFor returns the close code and the close text that the protocol has for a reason. The text may differ from the one given.
	CloseFor(reason Reason, text string) (ws.CloseCode, string)

	// LastFrame returns the last bytes of the connection, which give the peer a close code and its text.
	LastFrame(code ws.CloseCode, text string) []byte

	// PublishesTo returns the audience in which the client has last caused an event: a message, or its own join or leave. It is nil for none.
	// The client is not read from while that audience is over its limit (backpressure). Called on the poller.
	PublishesTo() *Audience

	// OnJoined and OnLeft are called after a member of the client joined its topic, and after it left. Called on the shard.
	OnJoined(m *Member)
	OnLeft(m *Member)

	// Member returns the i-th membership of the client, nil after the last. Called on the shard.
	Member(i int) *Member

	// Address returns the client's address key if it is known (from a proxy, or because addresses are counted), else the zero Addr.
	Address() netip.Addr
}

// Timers are the ticks at which something is due for a client. Any goroutine may use them. After a timer was set to an earlier tick, call
// Heartbeat.File.
type Timers struct {
	PingAt   atomic.Uint32 // of the next ping; 0 for none
	Deadline atomic.Uint32 // of Handler.OnDeadline; 0 for none
}

// WheelLinks makes Conn an entry of the timing wheel.
func (c *Conn) WheelLinks() *wheel.Links[Conn] { return &c.Links }

// Address returns the address of the client: the one that a proxy gave, else the peer's address and port. It is empty if the socket was reset
// before its address was read.
func (c *Conn) Address() string {
	if at := c.Handler.Address(); at.IsValid() && at != limiter.AddressKey(PeerOf(c.Transport.Socket())) {
		return at.String()
	}
	remote := c.Transport.Socket().RemoteAddr()
	if remote == nil {
		return ""
	}
	return remote.String()
}

// description returns the description of c, empty if its handler has none. Any goroutine may call it.
func (c *Conn) description() Description {
	if d, ok := c.Handler.(Described); ok {
		return d.Describe()
	}
	return Description{}
}

// AddressKey returns the key under which the client's address is counted (limiter.AddressKey).
func (c *Conn) AddressKey() netip.Addr {
	if at := c.Handler.Address(); at.IsValid() {
		return at
	}
	return limiter.AddressKey(PeerOf(c.Transport.Socket()))
}

// audienceNames returns the names of the rooms that c is a member of. Called on the shard.
func (c *Conn) audienceNames() []string {
	names := []string{}
	for i := 0; ; i++ {
		m := c.Handler.Member(i)
		if m == nil {
			return names
		}
		names = append(names, m.Topic.Audience.Name)
	}
}

// Poller returns the poller that reads from c.
func (c *Conn) Poller() *Poller { return c.Shard.Core.Pollers.of(c.Transport.Socket()) }

// End closes the connection as Close does, with the close code that its protocol has for the reason (Handler.CloseFor). Any goroutine may
// call it; it does not block.
func (c *Conn) End(reason Reason, text string) {
	code, text := c.Handler.CloseFor(reason, text)
	c.Close(reason, code, text)
}

// Close performs the closing handshake: throng reads no more of the peer, sends all that is queued, then the close frame, then ends its side of
// the transport. A close frame has the first 123 bytes of text at most. Any goroutine may call it; it does not block. Only the first call has an effect.
func (c *Conn) Close(reason Reason, code ws.CloseCode, text string) {
	if c.Closing() || !c.Handler.OnClosing(code, text) {
		return
	}
	if !c.SetReason(reason) {
		return
	}
	c.Shard.Post(Job{Do: SendClose, Conn: c, Frame: c.Handler.LastFrame(code, text)})
}

// Abort ends the connection at once, without a close frame. Unsent bytes are dropped and counted. Any goroutine may call it; it does not
// block.
func (c *Conn) Abort(reason Reason) {
	c.SetReason(reason)
	if err := c.Transport.End(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.Shard.Core.Log.Debug("end socket", "conn", c.ID, "error", err)
	}
}

// CloseFrame returns the close frame of a WebSocket connection.
func CloseFrame(code ws.CloseCode, text string) []byte {
	return EncodeFrame(ws.OpClose, ws.ClosePayload(code, text))
}

// EncodeFrame returns an unmasked frame, in one allocation. All receivers may share it.
func EncodeFrame(op ws.Opcode, payload []byte) []byte {
	return ws.AppendFrame(make([]byte, 0, ws.FrameSize(len(payload))), op, payload)
}

// AddTo adds n to a counter that has one writer. That is cheaper than an atomic addition.
func AddTo(counter *atomic.Uint64, n uint64) { counter.Store(counter.Load() + n) }

// closeUnfinished closes the connection and releases its unfinished message, on the poller that owns the decoder.
func (c *Conn) closeUnfinished(why string) {
	c.Close(ClosedUnfinished, ws.ClosePolicy, why)
	c.Poller().Post(func() { c.Decoder = ws.Decoder{} })
}
