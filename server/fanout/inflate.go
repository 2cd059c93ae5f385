package fanout

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/ws"
)

// compressedByteCost is the number of bytes that one byte of a compressed message counts for the rate, at least: the most expensive
// blocks take 110 ns a byte to inflate, and the others few.
const compressedByteCost = 4

// onCompressed inflates a message, checks it as the decoder checks others, and calls the Handler. Called on the poller.
func (c *Conn) onCompressed(m ws.Message, now time.Duration) {
	// The rate pauses the reading. What one read had may still inflate to megabytes, and this bounds it.
	if time.Duration(c.Bytes)-now > 2*BurstOfBytes {
		c.End(ClosedRate, "too many bytes")
		return
	}
	core := c.Shard.Core
	i := deflate.NewInflater()
	defer i.Release()
	payload, err := i.Message(m.Payload, core.Limits().Rules.MaxMessage)
	core.Metrics.InflateInput.Add(float64(len(m.Payload)))
	core.Metrics.InflateOutput.Add(float64(len(payload)))
	c.spendBytes(now, max(len(payload), compressedByteCost*len(m.Payload))-len(m.Payload)) // OnData has charged the compressed bytes
	switch {
	case errors.Is(err, deflate.ErrTooBig):
		c.Close(ClosedTooBig, ws.CloseTooBig, "message too big")
	case err != nil:
		c.Close(ClosedProtocol, ws.CloseInvalidData, "compressed message is not valid")
	case m.Op == ws.OpText && !utf8.Valid(payload):
		c.Close(ClosedNotUTF8, ws.CloseInvalidData, "text is not UTF-8")
	default:
		c.Handler.OnMessage(m.Op, payload, now)
	}
}
