package chat

import (
	"errors"

	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
)

// forwards reports whether another node owns the log, or nobody: then requests wait for the owner. A new owner first does the requests that have
// waited here, so that a client's publications keep their order.
func (du *Durable) forwards() bool {
	if du == nil || du.requests == nil {
		return false
	}
	o, _, state := du.Position()
	switch state {
	case home.Ready:
		return !du.requests.Idle(o.Term)
	case home.Closing:
		return false
	}
	return true
}

// send sends a request for a room to the owner of its log. It returns the room, whose backlog has the bytes of the request; nil if there is none.
func (h *Hub) send(du *Durable, room string, entries []record.Entry, done Done) *Room {
	if err := link.Fits(entries); err != nil {
		done(StreamPosition{}, h.addedOrRejected(err))
		return nil
	}
	size := messageOverhead
	for i := range entries {
		size += len(entries[i].Data) + len(entries[i].Info) + len(entries[i].Room) + len(entries[i].Key)
	}
	r, unlock := h.Rooms.Find(room)
	if r != nil {
		r.Backlog.Add(int64(size))
	}
	unlock()
	q := &link.Request{Entries: entries, Size: size, Added: h.Clock.Now(), Done: func(a link.Answer, unavailable bool) {
		if r != nil {
			r.Backlog.Add(-int64(size))
			h.Relieve(&r.Audience)
		}
		switch {
		case unavailable:
			h.Metrics.Durable.Rejected.Inc()
			done(StreamPosition{}, RejectUnavailable)
		case a.Rejected && rejectionCause(a.Cause) == causeSlowMode:
			done(StreamPosition{}, RejectSlowMode)
		case a.Rejected:
			done(StreamPosition{}, RejectionOf(a.Cause, a.Detail))
		default:
			done(StreamPosition{a.Offset, a.Epoch}, nil)
		}
	}}
	if err := du.requests.Add(q); err != nil {
		if r != nil {
			r.Backlog.Add(-int64(size))
		}
		e := RejectUnavailable
		if errors.Is(err, link.ErrBusy) {
			e = rejectRate
		}
		done(StreamPosition{}, e)
		return nil
	}
	return r
}
