package fanout

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// handler is a client: what its bytes mean. A connection knows nothing else of the protocol that it carries. No method may block.
type handler interface {
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

	// OnGone says that the socket is closed. The handler has Engine.Leave called, once, on the goroutine that owns the client. Called on
	// the closer.
	OnGone()

	// OnLeave takes the client out of everything it is in. Called by Engine.Leave.
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

// Timers are the ticks at which something is due for a client. Any goroutine may use them; engine.heartbeat has to be told of one that
// comes nearer (Heartbeat.File).
type Timers struct {
	PingAt   atomic.Uint32 // of the next ping; 0 for none
	Deadline atomic.Uint32 // of handler.OnDeadline; 0 for none
}
