package server

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/name"
	"github.com/throng-chat/throng/server/wheel"
)

const (
	maxRoomName = 255       // bytes
	roomBacklog = 128 << 10 // bytes a room may be behind before its talkers are paused
)

// room is a name and the connections that hear each other. Its members are spread over the shards, so that one huge room
// uses every core, and over the encodings.
type room struct {
	wheel.Links[room] // guarded by stripe.mu

	// Constant after newRoom.
	stripe  *stripe
	name    string
	options *RoomOptions

	// Guarded by stripe.mu.
	parts   []*part // one for each shard and encoding that had a member
	members int
	present presence
	history history
	version version      // of the newest publication that told one
	events  *joinLeave   // nil before the first join, and where the options have no join-leave
	last    *publication // what the next delta is made against, where the options allow deltas; nil for none
	kept    bool         // filed in stripe.ages

	// backlog is how many bytes were posted and not yet written, summed over the shards. A talker is not read from while
	// it is over the limit, so memory stays bounded, and TCP tells the talker to wait.
	backlog atomic.Int64
	limit   int64
	paused  atomic.Bool // some poller waits for the backlog to shrink

	retained atomic.Int64 // bytes that slow members make it retain, summed over the parts
}

// WheelLinks lets the wheel file a room.
func (r *room) WheelLinks() *wheel.Links[room] { return &r.Links }

// part is what one shard knows of a room: its members of one encoding.
type part struct {
	// Constant.
	room     *room
	shard    *shard
	encoding encoding

	members int // guarded by stripe.mu of the room: no message is posted to a part without members

	// Owned by the shard.
	list   []*member
	batch  []byte // frames not yet written: one that everybody shares, or several in a buffer of our own
	frames int
	posted int    // bytes of batch, as room.backlog counts them
	owned  bool   // batch is our own buffer
	wholes int    // members that must hear a publication whole before they can hear what is new
	offset uint64 // of the last publication since somebody was here; 0 before the first

	flushing bool      // the batch is whole, and being written
	retains  *retained // bytes of the batch that slow members hold; nil for none

	// Written by the shard, read by others.
	retained atomic.Int64 // bytes that slow members make it retain
}

// member is a connection's place in a room.
type member struct {
	conn *conn // constant
	part *part // constant once it is in a room

	// Owned by the shard.
	from       uint32 // how much of the part's pending batch this member has, or must not have
	fromFrames uint32
	at         int32 // index in part.list, -1 for none
	whole      bool  // it is one of part.wholes
	positioned bool  // it must not miss anything; constant once it is in a room
}

func newRoom(in *stripe, name string, options *RoomOptions, shards int) *room {
	return &room{stripe: in, name: name, options: options, limit: roomBacklog * int64(shards)}
}

// partLocked is the room's part of a shard and an encoding. The room's lock is held.
func (r *room) partLocked(s *shard, e encoding) *part {
	for _, p := range r.parts {
		if p.shard == s && p.encoding == e {
			return p
		}
	}
	p := &part{room: r, shard: s, encoding: e}
	r.parts = append(r.parts, p)
	return p
}

// onlyPlain says whether the room is nothing but its plain members. The room's lock is held.
func (r *room) onlyPlain() bool {
	if r.options.HistorySize > 0 || r.options.Delta {
		return false
	}
	for _, p := range r.parts {
		if p.encoding != plainEncoding && p.members > 0 {
			return false
		}
	}
	return true
}

func (r *room) congested() bool { return r.backlog.Load() > r.limit }

// validRoomName allows 1 to maxRoomName bytes of UTF-8 without control or invisible characters.
func validRoomName(s string) bool { return s != "" && len(s) <= maxRoomName && name.Visible(s) }

// add appends a frame to what the next flush writes. size is what was posted for it.
func (p *part) add(s *shard, frame []byte, size int) {
	switch p.frames {
	case 0:
		p.batch = frame
		s.dirty = append(s.dirty, p)
	case 1:
		p.batch = append(append(s.buffer(), p.batch...), frame...)
		p.owned = true
	default:
		p.batch = append(p.batch, frame...)
	}
	p.frames++
	p.posted += size
}

// say adds a message in the part's encoding.
func (p *part) say(s *shard, m *message) {
	if m.isPublication() && m.pub.offset > 0 && p.offset > 0 && m.pub.offset != p.offset+1 {
		p.gap(s)
	}
	// Where our own code fails over the frame, that is a gap, but no backlog that stays.
	p.posted += m.size
	p.add(s, m.frame(p.encoding, &s.deltas), 0)
	if m.isPublication() && m.pub.offset > 0 {
		p.offset = m.pub.offset
	}
	if p.wholes > 0 && m.isPublication() {
		p.sayWhole(s, m)
	}
}

// sayWhole writes a publication, which is the last of the batch, to those that have not heard the one before.
func (p *part) sayWhole(s *shard, m *message) {
	before := len(p.batch) - len(m.frame(p.encoding, &s.deltas))
	for i := 0; i < len(p.list); {
		w := p.list[i]
		if w.whole {
			p.wholes--
			w.whole = false
			p.flushMemberTo(s, w, before, p.frames-1)
			if w.at >= 0 {
				s.write(w.conn, m.first(p.encoding, &s.deltas))
				w.conn.sentMessages++
				s.round.deliveries++
				w.from, w.fromFrames = uint32(len(p.batch)), uint32(p.frames)
			}
		}
		if i < len(p.list) && p.list[i] == w {
			i++
		}
	}
}

// join makes m a member that hears what is said from now on, and nothing of what was said before.
func (p *part) join(m *member) {
	if len(p.list) == 0 {
		p.offset = 0 // nothing was posted here while nobody was
	}
	m.at = int32(len(p.list))
	m.from, m.fromFrames = uint32(len(p.batch)), uint32(p.frames)
	p.list = append(p.list, m)
}

// leave takes m out; a second call does nothing.
func (p *part) leave(m *member) {
	if m.at < 0 {
		return
	}
	p.list = without(p.list, int(m.at))
	if int(m.at) < len(p.list) {
		p.list[m.at].at = m.at
	}
	m.at = -1
	if m.whole {
		m.whole = false
		p.wholes--
	}
}

// flush writes the batch, once a member, and forgets it.
func (p *part) flush(s *shard) {
	p.flushing = true
	for i := 0; i < len(p.list); {
		i = p.flushFrom(s, i)
	}
	if p.owned {
		s.recycle(p.batch)
	}
	posted := p.posted
	p.batch, p.frames, p.posted, p.owned, p.flushing, p.retains = nil, 0, 0, false, false, nil
	p.room.backlog.Add(int64(-posted))
	if !p.room.congested() && p.room.paused.Swap(false) {
		s.hub.loop.wakeAll()
	}
}

// flushFrom writes to the members from i on and returns where to go on: behind the end, or behind a member at which our
// own code failed, which costs that one its connection.
func (p *part) flushFrom(s *shard, i int) (next int) {
	var m *member
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(m.conn, e)
			next = i
		}
	}()
	for i < len(p.list) {
		m = p.list[i]
		p.flushMember(s, m)
		m.from, m.fromFrames = 0, 0
		s.yield()
		// A member that was too slow has left, and another stands in its place.
		if i < len(p.list) && p.list[i] == m {
			i++
		}
	}
	return i
}

// flushMember writes to m what it has not got of the batch.
func (p *part) flushMember(s *shard, m *member) { p.flushMemberTo(s, m, len(p.batch), p.frames) }

// flushMemberTo writes to m what it has not got of the first bytes of the batch, which are so many frames.
func (p *part) flushMemberTo(s *shard, m *member, bytes, frames int) {
	if int(m.from) == bytes {
		return
	}
	at, b := int(m.from), p.batch[m.from:bytes]
	n := uint64(frames) - uint64(m.fromFrames)
	m.from, m.fromFrames = uint32(bytes), uint32(frames)
	m.conn.sentMessages += n
	s.round.deliveries += n
	s.writePart(m.conn, b, p, at)
}

// gap ends the subscriptions that must not miss anything: a publication did not come here. They hear nothing of what follows,
// so that their clients come back to where they were, and recover.
func (p *part) gap(s *shard) {
	for i := 0; i < len(p.list); {
		m := p.list[i]
		if !m.positioned {
			i++
			continue
		}
		p.flushMember(s, m)
		p.leave(m) // another stands in its place
		session := m.conn.session
		session.poller.post(func() { session.lostPosition(p.room.name) })
	}
}
