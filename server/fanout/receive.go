package fanout

import (
	"errors"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// What becomes of the bytes of a connection. All of it runs on the poller, or on the shard until the socket is in the loop.

// OnData takes what the peer sent. Called on the poller; b is on loan for the call.
func (c *Conn) OnData(b []byte, now time.Duration) {
	AddTo(&c.receivedBytes, uint64(len(b)))
	c.Shard.Shared.Pollers.Received.Add(uint64(len(b)))
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
		m, rest, err := c.Decoder.Next(&c.Shard.Shared.Rules, b)
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

func (c *Conn) onMessage(m ws.Message, now time.Duration) {
	if !c.Shard.Shared.frameRate.Allow(&c.frames, now, m.Frames) {
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

// spendBytes counts n bytes that came from the peer. Called on the poller.
func (c *Conn) spendBytes(now time.Duration, n int) {
	if c.PacedSince != 0 && time.Duration(c.Bytes)-now < BurstOfBytes-Regained {
		c.PacedSince = 0
		c.Handler.OnFlood(false)
	}
	c.Shard.Shared.byteRate.Spend(&c.Bytes, now, n)
}

// noteUnfinished tracks what the decoder holds. Called by the decoder's owner, as the last thing that it does with the bytes read.
func (c *Conn) noteUnfinished(held int) {
	shared := c.Shard.Shared
	for _, oldest := range shared.Unfinished.Note(c, held, shared.Clock.Tick()) {
		oldest.endUnfinished("too many unfinished messages")
	}
}
