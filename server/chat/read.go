package chat

// maxHistoryPage is how many publications one answer has at most; to a client it ends earlier, with the one that makes it half of max-unsent.
const maxHistoryPage = 300

// Read is a page of a room's history, and its newest position. since is as for page, with an empty epoch for whichever it is now.
func (h *Hub) Read(room string, since *Position, limit, mostBytes int, reverse bool) ([]Publication, Position, *Rejection) {
	if limit < 0 || limit > maxHistoryPage {
		limit = maxHistoryPage
	}
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	var at Position
	if r != nil {
		h.expireLocked(r)
		at = r.History.Position()
	} else {
		at = h.Positions.Of(room)
	}
	switch {
	case since == nil:
	case since.Epoch != "" && since.Epoch != at.Epoch:
		return nil, Position{}, rejectUnrecoverable
	case reverse && since.Offset == 0:
		return nil, Position{}, rejectInvalid
	}
	if r == nil {
		return nil, at, nil
	}
	return r.History.Page(since, limit, mostBytes, reverse), at, nil
}

// ClearHistory forgets what was said in a room, but not up to where: who has heard all of it has missed nothing.
func (h *Hub) ClearHistory(name string) {
	r, unlock := h.Rooms.Find(name)
	defer unlock()
	if r != nil {
		h.Archive.Clear(r)
		h.tidyLocked(r)
	}
}
