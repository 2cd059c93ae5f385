package fanout

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/unordered"
)

// Topic is what one shard knows of an audience: its members of one format.
type Topic struct {
	// Constant.
	Audience *Audience
	Shard    *Shard
	Format   Format

	Members int // guarded by audience.mu: no message is posted to a topic without members

	// Owned by the shard.
	list   []*Member
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

// Member is a connection's place in a topic.
type Member struct {
	Conn  *Conn  // constant
	Topic *Topic // constant once the shard knows it

	// Owned by the shard.
	From       uint32 // how much of the topic's pending batch this member has, or must not have
	fromFrames uint32
	At         int32 // index in topic.list, -1 for none
	whole      bool  // it is one of topic.wholes
	Positioned bool  // it must not miss anything; constant once the shard knows it
}

// add appends a frame to what the next flush writes. size is what was posted for it.
func (t *Topic) add(s *Shard, frame []byte, size int) {
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
func (t *Topic) deliver(s *Shard, d Message) {
	offset := d.Offset()
	if offset > 0 && t.offset > 0 && offset != t.offset+1 {
		t.Gap(s)
	}
	// Where our own code fails over the frame, that is a gap, but no backlog that stays.
	t.posted += d.Size()
	t.add(s, d.Frame(t.Format, &s.deltas), 0)
	if offset > 0 {
		t.offset = offset
	}
	if t.wholes > 0 {
		if whole := d.Whole(t.Format, &s.deltas); whole != nil {
			t.sendWhole(s, whole, len(t.batch)-len(d.Frame(t.Format, &s.deltas)))
		}
	}
}

// sendWhole writes a message as a whole to those that do not have the one before. In the batch, of which it is the last, it begins at
// before.
func (t *Topic) sendWhole(s *Shard, whole []byte, before int) {
	for i := 0; i < len(t.list); {
		w := t.list[i]
		if w.whole {
			t.wholes--
			w.whole = false
			t.flushMemberTo(s, w, before, t.frames-1)
			if w.At >= 0 {
				s.write(w.Conn, whole)
				w.Conn.SentMessages++
				s.round.deliveries++
				w.From, w.fromFrames = uint32(len(t.batch)), uint32(t.frames)
			}
		}
		if i < len(t.list) && t.list[i] == w {
			i++
		}
	}
}

// join makes m a member that hears what is said from now on, and nothing of what was said before.
func (t *Topic) join(m *Member) {
	if len(t.list) == 0 {
		t.offset = 0 // nothing was posted here while nobody was
	}
	m.At = int32(len(t.list))
	m.From, m.fromFrames = uint32(len(t.batch)), uint32(t.frames)
	t.list = append(t.list, m)
}

// leave takes m out; a second call does nothing.
func (t *Topic) leave(m *Member) {
	if m.At < 0 {
		return
	}
	t.list = unordered.Remove(t.list, int(m.At))
	if int(m.At) < len(t.list) {
		t.list[m.At].At = m.At
	}
	m.At = -1
	if m.whole {
		m.whole = false
		t.wholes--
	}
}

// flush writes the batch, once a member, and forgets it.
func (t *Topic) flush(s *Shard) {
	t.flushing = true
	for i := 0; i < len(t.list); {
		i = t.flushFrom(s, i)
	}
	if t.owned {
		s.recycle(t.batch)
	}
	posted := t.posted
	t.batch, t.frames, t.posted, t.owned, t.flushing, t.retains = nil, 0, 0, false, false, nil
	t.Audience.Backlog.Add(int64(-posted))
	if !t.Audience.Congested() && t.Audience.paused.Swap(false) {
		s.Engine.Loop.wakeAll()
	}
}

// flushFrom writes to the members from i on and returns where to go on: behind the end, or behind a member at which our
// own code failed, which costs that one its connection.
func (t *Topic) flushFrom(s *Shard, i int) (next int) {
	var m *Member
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(m.Conn, e)
			next = i
		}
	}()
	for i < len(t.list) {
		m = t.list[i]
		t.flushMember(s, m)
		m.From, m.fromFrames = 0, 0
		s.yield()
		// A member that was too slow has left, and another stands in its place.
		if i < len(t.list) && t.list[i] == m {
			i++
		}
	}
	return i
}

// flushMember writes to m what it has not got of the batch.
func (t *Topic) flushMember(s *Shard, m *Member) { t.flushMemberTo(s, m, len(t.batch), t.frames) }

// flushMemberTo writes to m what it has not got of the first bytes of the batch, which are so many frames.
func (t *Topic) flushMemberTo(s *Shard, m *Member, bytes, frames int) {
	if int(m.From) == bytes {
		return
	}
	at, b := int(m.From), t.batch[m.From:bytes]
	n := uint64(frames) - uint64(m.fromFrames)
	m.From, m.fromFrames = uint32(bytes), uint32(frames)
	m.Conn.SentMessages += n
	s.round.deliveries += n
	s.writePart(m.Conn, b, t, at)
}

// Gap ends the subscriptions that must not miss anything: a publication did not come here. They hear nothing of what follows,
// so that their clients come back to where they were, and recover.
func (t *Topic) Gap(s *Shard) {
	for i := 0; i < len(t.list); {
		m := t.list[i]
		if !m.Positioned {
			i++
			continue
		}
		t.flushMember(s, m)
		t.leave(m) // another stands in its place
		m.Conn.Poller().Post(func() { m.Conn.Handler.OnGap(t.Audience) })
	}
}
