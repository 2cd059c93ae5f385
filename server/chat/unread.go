package chat

import (
	"github.com/throng-chat/throng/server/marker"
	"github.com/throng-chat/throng/server/timeline"
)

// Unread is what a user has not read in a chat room.
type Unread struct {
	Room     string
	Messages int // behind the marker, without those of the user
	Mentions int // those of them that mention the user
	Upto     uint64
	Last     timeline.View // the newest message; its Offset is 0 if there is none
}

// UnreadOf returns what a user has not read in a chat room. It takes logarithmic time. Any goroutine may call it, without locks.
func (h *Hub) UnreadOf(room, user string) Unread {
	u := Unread{Room: room}
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	if e := in.values[room].marker(user); e.Number > 0 && h.countsLocked(room, e.Number, e.Epoch, h.positionLocked(room)) {
		u.Upto = e.Number
	}
	r := in.rooms[room]
	if r == nil || r.talk == nil {
		return u
	}
	h.expireLocked(r)
	u.Messages, u.Mentions = r.talk.timeline.Unread(user, u.Upto)
	if last, _ := r.talk.timeline.Last(); last > 0 {
		u.Last, _ = r.talk.timeline.At(last, user)
	}
	return u
}

// marker returns the read marker of a user; its Number is 0 for none. rv may be nil.
func (rv *roomValues) marker(user string) marker.Entry {
	if rv == nil {
		return marker.Entry{}
	}
	return rv.numbers.Get(user)
}
