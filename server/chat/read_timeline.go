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
