package fanout

import (
	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/ws"
)

// CompressionBudget is the time that a flush may spend on compression, in nanoseconds, as deflate.Cost estimates it. Messages after that are
// sent uncompressed.
const CompressionBudget = 2_000_000

// compressed returns the frame of d for the members of t, which have negotiated permessage-deflate. It returns frame, the uncompressed one, if
// t has one member, since the time is then better spent on the network, if the window of the members is too short, or if the budget is used up.
func (t *Topic) compressed(s *Shard, d Message, frame []byte) []byte {
	if !t.compresses(s, frame) || !t.Format.Window().Holds(len(frame)) || !s.spendCompression(deflate.Cost(len(frame))) {
		return frame
	}
	return d.Compressed(t.Format.Encoding(), frame)
}

// compresses reports whether a frame may be compressed for the members of t.
func (t *Topic) compresses(s *Shard, frame []byte) bool {
	return len(t.list) >= 2 && s.compression >= 0 && len(frame) >= deflate.MinMessage && len(frame) <= deflate.MaxMessage
}

// spendCompression subtracts the time of a compression from what the flush has left. It returns false if that is not enough.
func (s *Shard) spendCompression(cost int) bool {
	if s.compression -= cost; s.compression < 0 {
		s.Core.Metrics.CompressionBudgetSpent.Inc()
		return false
	}
	return true
}

// CompressFrame returns the frame of a message in its compressed form, for all receivers, or frame itself if that is not longer. Any goroutine
// may call it.
func (core *Core) CompressFrame(frame []byte) []byte {
	op, payload := ws.ParseFrame(frame)
	c := deflate.NewCompressor()
	defer c.Release()
	small, ok := c.Message(payload)
	if !ok {
		return frame
	}
	core.countCompressed(payload, small)
	return ws.AppendCompressedFrame(nil, op, small)
}

func (core *Core) countCompressed(payload, small []byte) {
	core.Metrics.CompressionInput.Add(float64(len(payload)))
	core.Metrics.CompressionOutput.Add(float64(len(small)))
}
