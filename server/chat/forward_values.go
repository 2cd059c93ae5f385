package chat

import "github.com/throng-chat/throng/server/record"

// forwardValues is ChangeValues on a node that does not own the log. The change is decided by what this node has applied. The owner does it if
// that is still so; otherwise it is decided again.
func (h *Hub) forwardValues(du *Durable, room string, decide func(ValueReader) ([]Value, *Rejection), done Done) {
	h.tryValues(du, room, decide, done, valueTries)
}

// valueTries is how often a change of values is decided, if others change the same values meanwhile.
const valueTries = 10

func (h *Hub) tryValues(du *Durable, room string, decide func(ValueReader) ([]Value, *Rejection), done Done, tries int) {
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	values, e := decide(ValueReader{in.values[room]})
	entries := make([]record.Entry, len(values))
	for i, v := range values {
		entries[i] = record.Entry{Kind: record.Value, Room: room, Key: v.Key, Data: v.Data, Generation: checkOf(in.values[room].get(v.Key))}
	}
	in.Mu.Unlock()
	if e != nil || len(values) == 0 {
		done(StreamPosition{}, e)
		return
	}
	h.send(du, room, entries, func(at StreamPosition, e *Rejection) {
		if e != nil && e.Cause == causeChanged && tries > 1 {
			h.tryValues(du, room, decide, done, tries-1)
			return
		}
		if e != nil && e.Cause == causeChanged {
			e = rejectRate
		}
		done(at, e)
	})
}

// checkOf returns a number that differs for different data, with high probability.
func checkOf(data []byte) uint64 {
	if len(data) == 0 {
		return 0
	}
	return record.Epoch(string(data), 0) | 1
}
