package fanout

import (
	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/ws"
)

// Compression with a context that the members of a topic share. All of them inflate the same messages, so one compression serves all. A member
// that joins has not inflated the earlier ones: it is outside of the context, and is sent messages that are compressed by themselves until the
// next epoch, which begins with an empty context. Nothing else that a member is sent may be compressed.

const (
	// epochMessages is the number of compressed messages after which the context is emptied, if members are outside.
	epochMessages = 16

	// contextMembers is the least number of members of a topic for a context. Fewer do not pay for its memory.
	contextMembers = 4
)

// inContext returns the frame of d for the members of t, and the one for the members outside of the context, nil if it is the same. frame is
// the uncompressed one.
func (t *Topic) inContext(s *Shard, d Message, frame []byte) (shared, alone []byte) {
	if !t.compresses(s, frame) {
		return frame, nil
	}
	op, payload := ws.ParseFrame(frame)
	x := t.useContext(s)
	switch {
	case x == nil:
		return t.compressed(s, d, frame), nil
	case x.Empty() || t.epochEnds(x):
		t.beginEpoch(x)
		fallthrough
	case !x.Fits(len(payload)):
		// This suits all members, and all inflate it.
		if shared = t.compressed(s, d, frame); ws.IsCompressed(shared) {
			x.add(payload)
		}
		return shared, nil
	}
	if !s.spendCompression(deflate.ContextCost(len(frame))) {
		return frame, nil
	}
	if shared = s.Core.compressInContext(op, payload, x); shared == nil {
		return frame, nil
	}
	if t.outside > 0 {
		alone = t.compressed(s, d, frame)
	}
	x.add(payload)
	return shared, alone
}

// useContext returns the context of t; nil if t has too few members.
func (t *Topic) useContext(s *Shard) *sharedContext {
	if len(t.list) < contextMembers {
		s.contexts.drop(t.context)
		t.context = nil
		return nil
	}
	var evicted bool
	if t.context, evicted = s.contexts.use(t.context, t.Format.Window()); evicted {
		s.Core.Metrics.CompressionEvicted.Inc()
	}
	return t.context
}

// epochEnds reports whether the context is emptied for the members outside: after some messages, or if they are the majority.
func (t *Topic) epochEnds(x *sharedContext) bool {
	return t.outside > 0 && (x.messages >= epochMessages || 2*t.outside >= len(t.list))
}

// beginEpoch empties the context, so that no member is outside.
func (t *Topic) beginEpoch(x *sharedContext) {
	x.Clear()
	x.messages = 0
	if t.outside == 0 {
		return
	}
	for _, m := range t.list {
		m.outside = false
	}
	t.outside = 0
}

// sendAlone sends the members outside of the context their own form of the last message of the batch. before is the offset of the message in
// the batch.
func (t *Topic) sendAlone(s *Shard, alone []byte, before int) {
	for i := 0; i < len(t.list); {
		i = t.sendAloneFrom(s, i, alone, before)
	}
}

// sendAloneFrom sends alone to the members from index i on and returns the next index: the number of members, or the index at which a panic
// was recovered, whose connection is closed. No member may get the shared form in its place.
func (t *Topic) sendAloneFrom(s *Shard, i int, alone []byte, before int) (next int) {
	var m *Member
	defer func() {
		if e := recover(); e != nil {
			s.abortAfterPanic(m.Conn, e)
			next = i
		}
	}()
	for i < len(t.list) {
		if m = t.list[i]; m.outside {
			t.sendInstead(s, m, alone, before)
		}
		// If m was closed as a slow consumer, the last member has its index.
		if i < len(t.list) && t.list[i] == m {
			i++
		}
	}
	return i
}

// sendInstead writes a frame of its own to m in the place of the last frame of the batch, whose offset is before.
func (t *Topic) sendInstead(s *Shard, m *Member, frame []byte, before int) {
	t.flushMemberTo(s, m, before, t.frames-1)
	if m.At < 0 {
		return // closed as a slow consumer
	}
	s.write(m.Conn, frame)
	m.Conn.SentMessages++
	s.counts.deliveries++
	m.From, m.fromFrames = uint32(len(t.batch)), uint32(t.frames)
}

// compressInContext returns the compressed frame of a message for the members in a context, nil if it is not shorter.
func (all *Core) compressInContext(op ws.Opcode, payload []byte, x *sharedContext) []byte {
	c := deflate.NewCompressor()
	defer c.Release()
	small, ok := c.InContext(payload, &x.Context)
	if !ok {
		return nil
	}
	all.countCompressed(payload, small)
	all.Metrics.CompressionShared.Inc()
	return ws.AppendCompressedFrame(nil, op, small)
}
