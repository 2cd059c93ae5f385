package chat

import (
	"fmt"

	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/record"
)

// The values of rooms and users. A change is committed like a publication: in a durable room, and for users if there is a data directory,
// it is on disk before it is visible and acknowledged. In other rooms it is visible at once, and a restart loses it. Of two changes the last
// one counts.

// ValueBytes returns the bytes of the values of durable rooms and of users.
func (h *Hub) ValueBytes() (n int64) {
	for _, du := range h.durable {
		n += du.values.bytes.Load()
	}
	return n
}

// Value returns the data of a key of a room; nil for none. It must not be changed. Any goroutine may call it, without the lock of the room.
func (h *Hub) Value(room, key string) []byte {
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	return in.values[room].get(key)
}

// SetValues changes values of a room, all of them or none. The room "" has those of users. Done gets the zero position, or a rejection:
// CauseLimit, CauseRate or CauseUnavailable. Any goroutine may call it, without locks; it does not block. The values must not be changed after
// the call.
func (h *Hub) SetValues(room string, values []Value, done Done) {
	h.ChangeValues(room, func(ValueReader) ([]Value, *Rejection) { return values, nil }, done)
}

// ChangeValues is SetValues with changes that depend on the values before. decide is called once, under the lock of the room, so it must not
// block or take a lock. It returns the changes, or why there are none. No changes are a success.
func (h *Hub) ChangeValues(room string, decide func(ValueReader) ([]Value, *Rejection), done Done) {
	log := h.valueLog(room)
	if log.forwards() {
		h.forwardValues(log, room, decide, done)
		return
	}
	h.changeValues(log, room, decide, link.Origin{}, done)
}

// changeValues is ChangeValues on the node that owns the log.
func (h *Hub) changeValues(log *Durable, room string, decide func(ValueReader) ([]Value, *Rejection), from link.Origin, done Done) {
	b := h.valueBudget(log)
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	values, e := decide(ValueReader{in.values[room]})
	if e == nil {
		e = b.admit(in.values[room], room, values)
	}
	if e != nil || len(values) == 0 {
		in.Mu.Unlock()
		done(StreamPosition{}, e)
		return
	}
	p := &valueProposal{stripe: in, log: log, values: in.valuesOf(room, b), changes: values, origin: from, done: done}
	if log == nil {
		p.applyLocked(0)
		in.Mu.Unlock()
		done(StreamPosition{}, nil)
		return
	}
	e = h.addedOrRejected(h.addValuesLocked(p))
	in.Mu.Unlock()
	if e != nil {
		done(StreamPosition{}, e)
		return
	}
	log.Kick()
}

// valueLog returns the log of the values of a room: those of users are in one of durable rooms. It is nil if there is none.
func (h *Hub) valueLog(room string) *Durable {
	if room == "" {
		return h.Durable(room)
	}
	return h.logOf(room, h.OptionsOf(room))
}

// valueBudget returns the budget of the values in a log; nil for those without one.
func (h *Hub) valueBudget(log *Durable) *valueBudget {
	if log != nil {
		return log.values
	}
	return &h.values
}

// userShare is the part of the bytes of values, in quarters, that users may fill by joining and creating rooms, and with markers and settings. The
// rest is for members of rosters and for the application: guests can become new users without end.
const userShare = 3

// AdmitsUsers returns the rejection of a new value that a user may have without being a member of a room; nil if there is space. The room "" is for
// settings. Any goroutine may call it, also under the lock of a room.
func (h *Hub) AdmitsUsers(room string) *Rejection {
	b := h.valueBudget(h.valueLog(room))
	if b.bytes.Load() < b.most/4*userShare {
		return nil
	}
	return &Rejection{CauseLimit, fmt.Sprintf("members, markers and settings use %d of %d bytes: the rest is for members of rooms and the application", b.bytes.Load(), b.most)}
}

// replayValue applies a value of the log.
func (h *Hub) replayValue(du *Durable, at valueAt, e *record.Entry) {
	in := h.Rooms.StripeOf(e.Room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	rv, v := in.valuesOf(e.Room, du.values), Value{e.Key, e.Data}
	du.values.bytes.Add(v.size(e.Room))
	if du.live.Load() && !du.replayed.resets {
		in.noteMarkerLocked(rv, v)
	}
	rv.set(v, at)
	in.dropValues(rv)
}

// endValues drops the values of a room: it was not durable in between.
func (h *Hub) endValues(room string) {
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	if rv := in.values[room]; rv != nil {
		rv.drop()
		in.dropValues(rv)
	}
}
