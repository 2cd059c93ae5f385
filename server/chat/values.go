package chat

import "github.com/throng-chat/throng/server/record"

// The values of rooms and users. A change is committed like a publication: in a durable room, and for users if there is a data directory,
// it is on disk before it is visible and acknowledged. In other rooms it is visible at once, and a restart loses it. Of two changes the last
// one counts.

// ValueBytes returns the bytes of the values of durable rooms and of users.
func (h *Hub) ValueBytes() int64 { return h.values.onDisk.bytes.Load() }

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
	b := h.valueBudget(room)
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
	p := &valueProposal{stripe: in, values: in.valuesOf(room, b), changes: values, done: done}
	if b != &h.values.onDisk {
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
	h.Durable.Kick()
}

// valueBudget returns the budget of the values of a room: those of users and of durable rooms are in the log, if there is one.
func (h *Hub) valueBudget(room string) *valueBudget {
	if h.Durable != nil && (room == "" || h.OptionsOf(room).Durable) {
		return &h.values.onDisk
	}
	return &h.values.inMemory
}

// replayValue applies a value of the log.
func (h *Hub) replayValue(at valueAt, e *record.Entry) {
	b := &h.values.onDisk
	in := h.Rooms.StripeOf(e.Room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	rv, v := in.valuesOf(e.Room, b), Value{e.Key, e.Data}
	b.bytes.Add(v.size(e.Room))
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
