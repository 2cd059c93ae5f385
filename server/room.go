package server

import (
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// room is a name and the connections that hear each other. Its members are spread over the shards: part i belongs to
// shard i, so that one huge room uses every core.
type room struct {
	name  string
	parts []part

	members int // guarded by hub.mu

	// backlog is how many bytes were posted and not yet written, summed over the shards. A talker is not read from while
	// it is over the limit, so memory stays bounded, and TCP tells the talker to wait.
	backlog atomic.Int64
	limit   int64
	paused  atomic.Bool // some poller waits for the backlog to shrink
}

// part is what one shard knows of a room.
type part struct {
	room *room

	members int // guarded by hub.mu: no message is posted to a shard without members

	// Owned by the shard.
	conns  []*conn
	batch  []byte // frames not yet written: one that everybody shares, or several in a buffer of our own
	frames int
	posted int  // bytes of batch, as room.backlog counts them
	owned  bool // batch is our own buffer
	kept   bool // a slow member holds a slice of batch
}

func newRoom(name string, shards int) *room {
	r := &room{name: name, parts: make([]part, shards), limit: roomBacklog * int64(shards)}
	for i := range r.parts {
		r.parts[i].room = r
	}
	return r
}

func (r *room) congested() bool { return r.backlog.Load() > r.limit }

// validRoomName allows 1 to 64 bytes of UTF-8 without control characters.
func validRoomName(name string) bool {
	if name == "" || len(name) > maxRoomName || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// add appends a frame to what the next flush writes.
func (p *part) add(s *shard, frame []byte) {
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
	p.posted += len(frame)
}

// join makes c a member that hears what is said from now on, and nothing of what was said before.
func (p *part) join(c *conn) {
	c.memberAt = int32(len(p.conns))
	c.from, c.fromFrames = uint32(len(p.batch)), uint32(p.frames)
	p.conns = append(p.conns, c)
}

// leave takes c out; a second call does nothing.
func (p *part) leave(c *conn) {
	if c.memberAt < 0 {
		return
	}
	last := len(p.conns) - 1
	p.conns[c.memberAt] = p.conns[last]
	p.conns[c.memberAt].memberAt = c.memberAt
	p.conns[last] = nil
	p.conns = p.conns[:last]
	if last >= 64 && last < cap(p.conns)/4 {
		p.conns = append(make([]*conn, 0, cap(p.conns)/2), p.conns...)
	}
	c.memberAt = -1
}

// flush writes the batch, once a member, and forgets it.
func (p *part) flush(s *shard) {
	for i := 0; i < len(p.conns); {
		i = p.flushFrom(s, i)
	}
	if p.owned && !p.kept {
		s.recycle(p.batch)
	}
	posted := p.posted
	p.batch, p.frames, p.posted, p.owned, p.kept = nil, 0, 0, false, false
	p.room.backlog.Add(int64(-posted))
	if !p.room.congested() && p.room.paused.Swap(false) {
		s.hub.loop.wakeAll()
	}
}

// flushFrom writes to the members from i on and returns where to go on: behind the end, or behind a member at which our
// own code failed, which costs that one its connection.
func (p *part) flushFrom(s *shard, i int) (next int) {
	var c *conn
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(c, e)
			next = i
		}
	}()
	for i < len(p.conns) {
		c = p.conns[i]
		p.flushMember(s, c)
		c.from, c.fromFrames = 0, 0
		s.yield()
		// A member that was too slow has left, and another stands in its place.
		if i < len(p.conns) && p.conns[i] == c {
			i++
		}
	}
	return i
}

// flushMember writes to c what it has not got of the batch.
func (p *part) flushMember(s *shard, c *conn) {
	b := p.batch[c.from:]
	if len(b) == 0 {
		return
	}
	frames := uint64(p.frames) - uint64(c.fromFrames)
	c.from, c.fromFrames = uint32(len(p.batch)), uint32(p.frames)
	c.sentMessages += frames
	s.round.deliveries += frames
	if s.write(c, b) {
		p.kept = true
	}
}
