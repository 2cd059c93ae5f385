package fanout

import (
	"errors"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/ws"
)

// compressedByteCost is the number of bytes that one byte of a compressed message counts for the rate, at least: the most expensive
// blocks take 110 ns a byte to inflate, and the others few.
const compressedByteCost = 4

// inflation is a message that is inflated in steps: those of a poller take turns, one step at each wake-up, so that none delays the other
// connections. Meanwhile nothing is read from its connection (flag inflating).
type inflation struct {
	conn     *Conn
	op       ws.Opcode
	size     int // bytes of the compressed form
	inflater *deflate.Inflater
	text     int    // bytes of the message that are known to be complete UTF-8 characters
	rest     []byte // bytes behind the message that were read with it
}

// onCompressed inflates a message, checks it as the decoder checks others, and calls the Handler. If that takes more than one step, the poller
// continues later. Called on the poller.
func (c *Conn) onCompressed(m ws.Message, now time.Duration) {
	// The rate pauses the reading. What one read had may still inflate to megabytes, and this bounds it.
	if time.Duration(c.Bytes)-now > 2*BurstOfBytes {
		c.End(ClosedRate, "too many bytes")
		return
	}
	inf := inflation{conn: c, op: m.Op, size: len(m.Payload), inflater: deflate.NewInflater()}
	inf.inflater.Begin(m.Payload, c.Shard.Core.Limits().Rules.MaxMessage)
	done, err := inf.step()
	for !done && err == nil {
		if c.Is(inLoop) {
			c.Poller().inflateLater(&inf)
			return
		}
		done, err = inf.step() // on the shard: what came before the response to the handshake is short
	}
	inf.finish(err, now)
}

// step inflates a part of the message. It rejects a text as soon as its bytes cannot become UTF-8.
func (inf *inflation) step() (done bool, err error) {
	if done, err = inf.inflater.Step(); err != nil || inf.op != ws.OpText {
		return done, err
	}
	var ok bool
	if inf.text, ok = ws.CheckText(inf.inflater.Payload(), inf.text); !ok || done && inf.text < len(inf.inflater.Payload()) {
		return false, errNotUTF8
	}
	return done, nil
}

var errNotUTF8 = errors.New("text is not UTF-8")

// finish charges the message to the rate of its connection, and calls the Handler, or closes the connection.
func (inf *inflation) finish(err error, now time.Duration) {
	c, payload := inf.conn, inf.inflater.Payload()
	defer inf.inflater.Release()
	core := c.Shard.Core
	core.Metrics.InflateInput.Add(float64(inf.size))
	core.Metrics.InflateOutput.Add(float64(len(payload)))
	c.spendBytes(now, max(len(payload), compressedByteCost*inf.size)-inf.size) // OnData has charged the compressed bytes
	switch {
	case errors.Is(err, deflate.ErrTooBig):
		c.Close(ClosedTooBig, ws.CloseTooBig, "message too big")
	case errors.Is(err, errNotUTF8):
		c.Close(ClosedNotUTF8, ws.CloseInvalidData, "text is not UTF-8")
	case err != nil:
		c.Close(ClosedProtocol, ws.CloseInvalidData, "compressed message is not valid")
	default:
		c.Handler.OnMessage(inf.op, payload, now)
	}
}

// inflateLater lets the poller continue with an inflation. Called on the poller.
func (p *Poller) inflateLater(inf *inflation) {
	c, later := inf.conn, *inf
	c.Set(inflating)
	p.inflating = append(p.inflating, &later)
	c.noteUnfinished(later.inflater.Held())
	p.wake()
}

// keepRest keeps a copy of the bytes behind the message that is inflated. Called on the poller.
func (p *Poller) keepRest(c *Conn, b []byte) {
	for i := len(p.inflating) - 1; i >= 0; i-- { // it is the last one
		if inf := p.inflating[i].(*inflation); inf.conn == c {
			inf.rest = append(inf.rest, b...)
			return
		}
	}
}

// inflate does one step of the first inflation, which is then the last one. Called on the poller.
func (rd *reader) inflate() {
	if len(rd.inflating) == 0 {
		return
	}
	inf := rd.inflating[0].(*inflation)
	rd.inflating = slices.Delete(rd.inflating, 0, 1)
	rd.loop.Contain(inf.conn, func() { rd.continueInflation(inf) })
	if len(rd.inflating) > 0 {
		rd.wake()
	}
}

// continueInflation does one step, or discards the inflation if its connection ends. After the last step it handles the bytes behind the message and
// reads again: the events of the socket since then had no effect.
func (rd *reader) continueInflation(inf *inflation) {
	c := inf.conn
	var done bool
	var err error
	if !c.Closing() {
		if pinged := c.Pinged.Load(); pinged != 0 {
			c.Pinged.CompareAndSwap(pinged, uint32(rd.loop.clock.Tick())) // the pong may have come, and is not read
		}
		if done, err = inf.step(); !done && err == nil {
			rd.inflating = append(rd.inflating, inf)
			c.noteUnfinished(inf.inflater.Held())
			return
		}
	}
	now := rd.loop.clock.Now()
	c.unset(inflating)
	c.noteUnfinished(0)
	if c.Closing() {
		inf.inflater.Release()
	} else {
		inf.finish(err, now)
	}
	c.Take(inf.rest, now)
	rd.loop.readFrom(c)
}
