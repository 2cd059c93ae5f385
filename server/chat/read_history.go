package chat

// maxHistoryPage is the limit of publications in one reply. A reply to a client ends earlier if it reaches half of max-unsent.
const maxHistoryPage = 300

// Read returns a page of a room's history (see History.page) and the stream position. An empty epoch of since matches every epoch. The causes
// of a rejection are CauseUnrecoverable for another epoch, and CauseInvalid.
func (h *Hub) Read(room string, since *StreamPosition, limit, maxBytes int, reverse bool) ([]Publication, StreamPosition, *Rejection) {
	if limit < 0 || limit > maxHistoryPage {
		limit = maxHistoryPage
	}
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	var at StreamPosition
	if r != nil {
		h.expireLocked(r)
		at = r.History.Position()
	} else {
		at = h.positionOfAbsent(room)
	}
	if since != nil {
		from := h.sinceLocked(room, *since, at)
		since = &from
	}
	switch {
	case since == nil:
	case since.Epoch != "" && since.Epoch != at.Epoch:
		return nil, StreamPosition{}, rejectUnrecoverable
	case reverse && since.Offset == 0:
		return nil, StreamPosition{}, rejectInvalid
	}
	if r == nil {
		return nil, at, nil
	}
	return r.History.page(since, limit, maxBytes, reverse), at, nil
}

// positionOfAbsent returns the stream position of a room that is not in the room table. The room's lock is held.
func (h *Hub) positionOfAbsent(room string) StreamPosition {
	if h.StoresData() {
		if log := h.logOf(room, h.OptionsOf(room)); log != nil {
			return log.position(room)
		}
	}
	return h.Positions.Get(room)
}

// ClearHistory drops all publications of a room. The stream position stays, so a client that has received all of them still recovers.
func (h *Hub) ClearHistory(name string) {
	r, unlock := h.Rooms.Find(name)
	defer unlock()
	if r != nil {
		h.HistoryBudget.Clear(r)
		h.releaseLocked(r)
	}
}
