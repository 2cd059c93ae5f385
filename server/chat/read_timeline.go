package chat

import "github.com/throng-chat/throng/server/timeline"

// ReadTimeline returns a page of the messages of a chat room as they stand. Any goroutine may call it, without locks. A room of another kind
// has none.
func (h *Hub) ReadTimeline(room string, q timeline.Query) timeline.Page {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r == nil || r.talk == nil {
		at := h.positionOfAbsent(room)
		return timeline.Page{Position: at.Offset, Epoch: at.Epoch}
	}
	h.expireLocked(r)
	q.Epoch = r.History.Epoch
	page := r.talk.timeline.Page(q)
	page.Position = r.History.LastOffset
	return page
}

// FindMessage returns the offset of the message with a name in a chat room: its ID, or "#" and its offset; 0 for none.
func (h *Hub) FindMessage(room, name string) uint64 {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r == nil || r.talk == nil {
		return 0
	}
	offset, _ := r.talk.timeline.Find(name)
	return offset
}

// TextsOf returns a source of the texts of a chat room for a search: see Timeline.Texts. It locks the room for each call, and may be called from any
// goroutine.
func (h *Hub) TextsOf(room string) func(before uint64, dst []timeline.Text) (texts []timeline.Text, next uint64) {
	return func(before uint64, dst []timeline.Text) ([]timeline.Text, uint64) {
		r, unlock := h.Rooms.Find(room)
		defer unlock()
		if r == nil || r.talk == nil {
			return dst, 0
		}
		h.expireLocked(r)
		return r.talk.timeline.Texts(before, dst)
	}
}

// MessageAt returns the message of a chat room with an offset, as the viewer (a user ID, or empty) sees it.
func (h *Hub) MessageAt(room string, offset uint64, viewer string) (timeline.View, bool) {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r == nil || r.talk == nil {
		return timeline.View{}, false
	}
	return r.talk.timeline.At(offset, viewer)
}

// ReactorsOf returns the users who reacted to the message of a chat room with a name: see Timeline.Reactors.
func (h *Hub) ReactorsOf(room, name string) ([]timeline.Reactors, bool) {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r == nil || r.talk == nil {
		return nil, false
	}
	h.expireLocked(r)
	return r.talk.timeline.Reactors(name)
}
