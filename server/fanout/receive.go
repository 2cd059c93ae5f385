package fanout

import (
	"errors"
	"net"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/ws"
)

// The receive path of a connection: from the event of its socket to its Handler. It runs on the poller, or on the shard until the socket is
// in the loop.

const readsPerTurn = 64 // of one connection, before the poller reads from others

// onReadable is called on the poller when a socket has bytes, or the peer has ended its side.
func (l *loop) onReadable(s *netpoll.Socket) {
	if c, ok := s.Session().(*Conn); ok {
		l.Read(c)
	}
}

// Read reads from c until its transport is empty, or its turn, its rate of bytes or backpressure ends the reading. Called on the poller.
func (l *loop) Read(c *Conn) { l.Contain(c, func() { l.readFrom(c) }) }

// Contain calls f and recovers a panic of it, which closes c (nil for no connection), and not the process.
func (l *loop) Contain(c *Conn, f func()) {
	defer func() {
		if e := recover(); e != nil {
			l.metrics.Panics.Inc()
			l.panics.Do(func() {
				l.log.Error("panic on the loop", "error", e, "stack", string(debug.Stack()))
			})
			if c != nil {
				c.Abort(ClosedPanic)
			}
		}
	}()
	f()
}

func (l *loop) readFrom(c *Conn) {
	// Loaded first: this orders everything that was stored before the socket came to the loop.
	if tick := uint32(l.clock.Tick()); c.seen.Load() != tick {
		c.seen.Store(tick)
	}
	now := l.clock.Now()
	buf := l.sockets.Buffer(c.Transport.Socket())
	for reads := 0; ; reads++ {
		if c.Is(Paused|inflating) && !c.Closing() {
			return // it is read from again when the client releases it, or the message is inflated
		}
		over := c.overBytes(now)
		enough := reads >= readsPerTurn || (over || c.audienceOverLimit()) && !c.Closing()
		if enough && !c.Transport.HungUp() {
			if rd := l.ReaderOf(c); over && !c.Closing() {
				rd.Pace(c)
			} else {
				rd.readLater(c)
			}
			return
		}
		held := c.Transport.Held()
		n, more, err := c.Transport.Read(buf)
		if n > 0 {
			c.OnData(buf[:n], now)
		}
		if (held > 0 || c.Transport.Held() > 0) && !c.Is(inflating) {
			c.noteHeld(n > 0)
		}
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return
		case err != nil:
			l.endTransport(c)
			return
		case !more:
			return
		}
	}
}

// endTransport ends c after a Read failed. If the transport has an alert for the peer, the shard sends it first.
func (l *loop) endTransport(c *Conn) {
	if a, ok := c.Transport.(Alerter); ok && a.HasAlert() {
		c.Shard.Post(Job{Do: SendAlert, Conn: c})
		return
	}
	if err := c.Transport.End(); err != nil && !errors.Is(err, net.ErrClosed) {
		l.log.Debug("end socket", "conn", c.ID, "error", err)
	}
}

// overBytes reports whether the connection exceeds its rate of bytes and its burst. Called on the poller.
func (c *Conn) overBytes(now time.Duration) bool { return time.Duration(c.Bytes)-now > BurstOfBytes }

// audienceOverLimit reports whether c is not read from because the audience that it publishes to is over its limit (backpressure). Called on the
// poller.
func (c *Conn) audienceOverLimit() bool {
	a := c.Handler.PublishesTo()
	return a != nil && a.OverLimit()
}

// OnData counts and handles bytes from the peer. b is borrowed for the call. Called on the poller; on the shard before the poller reads from c.
func (c *Conn) OnData(b []byte, now time.Duration) {
	AddTo(&c.receivedBytes, uint64(len(b)))
	c.Shard.Core.Pollers.Received.Add(uint64(len(b)))
	c.spendBytes(now, len(b))
	c.Take(b, now)
}

// Take decodes bytes from the peer and calls the Handler with each message. Called where OnData is.
func (c *Conn) Take(b []byte, now time.Duration) {
	for len(b) > 0 && !c.Closing() {
		switch {
		case c.Is(Paused):
			c.Handler.OnUnread(b)
			return
		case c.Is(inflating):
			c.Poller().keepRest(c, b)
			return
		}
		began := c.Decoder.Held() > 0
		m, rest, err := c.Decoder.Next(c.rules(), b)
		if err != nil {
			c.fail(err)
			return
		}
		if held := c.Decoder.Held(); began || held > 0 {
			c.noteUnfinished(held)
		}
		if m.Op == ws.OpContinuation {
			return
		}
		b = rest
		c.onMessage(m, now)
	}
}

// rules returns the limits of the decoder.
func (c *Conn) rules() *ws.Rules {
	limits := c.Shard.Core.Limits()
	if c.Is(Deflates) {
		return &limits.DeflateRules
	}
	return &limits.Rules
}

func (c *Conn) onMessage(m ws.Message, now time.Duration) {
	if !c.Shard.Core.Limits().frameRate.Allow(&c.frames, now, m.Frames) {
		c.End(ClosedRate, "too many frames")
		return
	}
	switch m.Op {
	case ws.OpText, ws.OpBinary:
		if m.Compressed {
			c.onCompressed(m, now)
			return
		}
		c.Handler.OnMessage(m.Op, m.Payload, now)
	case ws.OpPing:
		// 5.5.3: a pong carries its ping's payload.
		c.Shard.Post(Job{Do: SendFrame, Conn: c, Frame: EncodeFrame(ws.OpPong, m.Payload)})
	case ws.OpPong:
		// seen was stored when the bytes were read. Each pong answers each ping.
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

// spendBytes charges n received bytes to the rate. Called where OnData is.
func (c *Conn) spendBytes(now time.Duration, n int) {
	if c.PacedSince != 0 && time.Duration(c.Bytes)-now < BurstOfBytes-Regained {
		c.PacedSince = 0
		c.Handler.OnFlood(false)
	}
	c.Shard.Core.Limits().byteRate.spend(&c.Bytes, now, n)
}

// noteHeld tracks the bytes of an incomplete record as well. A record that was completed (progress) ends its time, unless it is a part of a
// message. Called on the poller.
func (c *Conn) noteHeld(progress bool) {
	message, record := c.Decoder.Held(), c.Transport.Held()
	if progress && message == 0 && record > 0 {
		c.noteUnfinished(0)
	}
	c.noteUnfinished(message + record)
}

// noteUnfinished tracks the bytes that the decoder holds. Called by the owner of the decoder, as its last use of the bytes that were read.
func (c *Conn) noteUnfinished(held int) {
	core := c.Shard.Core
	for _, oldest := range core.Unfinished.note(c, held, core.Clock.Tick()) {
		oldest.closeUnfinished("too many unfinished messages")
	}
}
