package server

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/unordered"
)

// topic is what one shard knows of an audience: its members of one format.
type topic struct {
	// Constant.
	audience *audience
	shard    *shard
	format   format

	members int // guarded by audience.mu: no message is posted to a topic without members

	// Owned by the shard.
	list   []*member
	batch  []byte // frames not yet written: one that everybody shares, or several in a buffer of our own
	frames int
	posted int    // bytes of batch, as audience.backlog counts them
	owned  bool   // batch is our own buffer
	wholes int    // members that must hear a publication whole before they can hear what is new
	offset uint64 // of the last publication since somebody was here; 0 before the first

	flushing bool      // the batch is whole, and being written
	retains  *retained // bytes of the batch that slow members hold; nil for none

	// Written by the shard, read by others.
	retained atomic.Int64 // bytes that slow members make it retain
}

// member is a connection's place in a topic.
type member struct {
	conn  *conn  // constant
	topic *topic // constant once the shard knows it

	// Owned by the shard.
	from       uint32 // how much of the topic's pending batch this member has, or must not have
	fromFrames uint32
	at         int32 // index in topic.list, -1 for none
	whole      bool  // it is one of topic.wholes
	positioned bool  // it must not miss anything; constant once the shard knows it
}

// add appends a frame to what the next flush writes. size is what was posted for it.
func (t *topic) add(s *shard, frame []byte, size int) {
	switch t.frames {
	case 0:
		t.batch = frame
		s.dirty = append(s.dirty, t)
	case 1:
		t.batch = append(append(s.buffer(), t.batch...), frame...)
		t.owned = true
	default:
		t.batch = append(t.batch, frame...)
	}
	t.frames++
	t.posted += size
}

// deliver adds a message in the topic's format.
func (t *topic) deliver(s *shard, d delivery) {
	offset := d.offset()
	if offset > 0 && t.offset > 0 && offset != t.offset+1 {
		t.gap(s)
	}
	// Where our own code fails over the frame, that is a gap, but no backlog that stays.
	t.posted += d.size()
	t.add(s, d.frame(t.format, &s.deltas), 0)
	if offset > 0 {
		t.offset = offset
	}
	if t.wholes > 0 {
		if whole := d.whole(t.format, &s.deltas); whole != nil {
			t.sendWhole(s, whole, len(t.batch)-len(d.frame(t.format, &s.deltas)))
		}
	}
}

// sendWhole writes a message as a whole to those that do not have the one before. In the batch, of which it is the last, it begins at
// before.
func (t *topic) sendWhole(s *shard, whole []byte, before int) {
	for i := 0; i < len(t.list); {
		w := t.list[i]
		if w.whole {
			t.wholes--
			w.whole = false
			t.flushMemberTo(s, w, before, t.frames-1)
			if w.at >= 0 {
				s.write(w.conn, whole)
				w.conn.sentMessages++
				s.round.deliveries++
				w.from, w.fromFrames = uint32(len(t.batch)), uint32(t.frames)
			}
		}
		if i < len(t.list) && t.list[i] == w {
			i++
		}
	}
}

// join makes m a member that hears what is said from now on, and nothing of what was said before.
func (t *topic) join(m *member) {
	if len(t.list) == 0 {
		t.offset = 0 // nothing was posted here while nobody was
	}
	m.at = int32(len(t.list))
	m.from, m.fromFrames = uint32(len(t.batch)), uint32(t.frames)
	t.list = append(t.list, m)
}

// leave takes m out; a second call does nothing.
func (t *topic) leave(m *member) {
	if m.at < 0 {
		return
	}
	t.list = unordered.Remove(t.list, int(m.at))
	if int(m.at) < len(t.list) {
		t.list[m.at].at = m.at
	}
	m.at = -1
	if m.whole {
		m.whole = false
		t.wholes--
	}
}

// flush writes the batch, once a member, and forgets it.
func (t *topic) flush(s *shard) {
	t.flushing = true
	for i := 0; i < len(t.list); {
		i = t.flushFrom(s, i)
	}
	if t.owned {
		s.recycle(t.batch)
	}
	posted := t.posted
	t.batch, t.frames, t.posted, t.owned, t.flushing, t.retains = nil, 0, 0, false, false, nil
	t.audience.backlog.Add(int64(-posted))
	if !t.audience.congested() && t.audience.paused.Swap(false) {
		s.engine.loop.wakeAll()
	}
}

// flushFrom writes to the members from i on and returns where to go on: behind the end, or behind a member at which our
// own code failed, which costs that one its connection.
func (t *topic) flushFrom(s *shard, i int) (next int) {
	var m *member
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(m.conn, e)
			next = i
		}
	}()
	for i < len(t.list) {
		m = t.list[i]
		t.flushMember(s, m)
		m.from, m.fromFrames = 0, 0
		s.yield()
		// A member that was too slow has left, and another stands in its place.
		if i < len(t.list) && t.list[i] == m {
			i++
		}
	}
	return i
}

// flushMember writes to m what it has not got of the batch.
func (t *topic) flushMember(s *shard, m *member) { t.flushMemberTo(s, m, len(t.batch), t.frames) }

// flushMemberTo writes to m what it has not got of the first bytes of the batch, which are so many frames.
func (t *topic) flushMemberTo(s *shard, m *member, bytes, frames int) {
	if int(m.from) == bytes {
		return
	}
	at, b := int(m.from), t.batch[m.from:bytes]
	n := uint64(frames) - uint64(m.fromFrames)
	m.from, m.fromFrames = uint32(bytes), uint32(frames)
	m.conn.sentMessages += n
	s.round.deliveries += n
	s.writePart(m.conn, b, t, at)
}

// gap ends the subscriptions that must not miss anything: a publication did not come here. They hear nothing of what follows,
// so that their clients come back to where they were, and recover.
func (t *topic) gap(s *shard) {
	for i := 0; i < len(t.list); {
		m := t.list[i]
		if !m.positioned {
			i++
			continue
		}
		t.flushMember(s, m)
		t.leave(m) // another stands in its place
		m.conn.poller().post(func() { m.conn.handler.onGap(t.audience) })
	}
}
