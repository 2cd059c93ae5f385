package server

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// handler is a client: what its bytes mean. A connection knows nothing else of the protocol that it carries. No method may block.
type handler interface {
	// onOpen is called on the shard, when the answer to the handshake has been written. What the client sent ahead of it has been handled
	// like all its bytes, unless the connection was held back.
	onOpen()

	// onMessage handles a message. Called on the poller, one call at a time; b is on loan for the call.
	onMessage(op ws.Opcode, b []byte, now time.Duration)

	// onUnread takes what has been read of a connection that is held back. Called on the poller; b is on loan for the call.
	onUnread(b []byte)

	// onFlood says that the client has wanted more than its rate of bytes for too long, and that it no longer does. Called on the poller.
	onFlood(on bool)

	// onDeadline says that the deadline of timers has come, or, where the clock stepped, that it may have. Called on the poller. Only for
	// one with timers.
	onDeadline(stepped bool)

	// onGap ends what the client has in an audience of which it missed a message. Called on the poller.
	onGap(a *audience)

	// onClose says that the connection ends in an orderly way, with that close frame: false where it ends already. Called once or more, by
	// any goroutine.
	onClose(code ws.CloseCode, text string) bool

	// onGone says that the socket is closed. The handler has engine.leave called, once, on the goroutine that owns the client. Called on
	// the closer.
	onGone()

	// onLeave takes the client out of everything it is in. Called by engine.leave.
	onLeave()

	// timers are those of a protocol that pings by itself and has deadlines; nil where a silent connection is pinged by RFC 6455.
	timers() *timers

	// pingFrame is what is sent as a ping.
	pingFrame() []byte

	// closeFor is the close frame for a reason that is not the client's. It may have words of its own in place of text.
	closeFor(reason closeReason, text string) (ws.CloseCode, string)

	// publishesTo is where the client makes others receive something: it is not read from while that is over its limit. nil for nowhere.
	// Called on the poller.
	publishesTo() *audience

	// onJoined and onLeft say that a member of the client entered its topic, and left it. Called on the shard.
	onJoined(m *member)
	onLeft(m *member)

	// member is the i-th place that the client has in a topic, nil behind the last. Called on the shard.
	member(i int) *member

	// address is whose the client is, where a proxy or the count of addresses says it; the zero Addr where only the socket does.
	address() netip.Addr
}

// timers are the ticks at which something is due for a client. Any goroutine may use them; engine.heartbeat has to be told of one that
// comes nearer (heartbeat.file).
type timers struct {
	pingAt   atomic.Uint32 // of the next ping; 0 for none
	deadline atomic.Uint32 // of handler.onDeadline; 0 for none
}
