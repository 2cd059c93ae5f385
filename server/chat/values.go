package chat

import (
	"strings"
	"time"

	"github.com/throng-chat/throng/server/record"
)

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
	p := &proposal{kind: record.Value, stripe: in, values: in.valuesOf(room, b), changes: values, done: done}
	if b != &h.values.onDisk {
		p.applyValuesLocked(0)
		in.Mu.Unlock()
		done(StreamPosition{}, nil)
		return
	}
	e = h.addedOrRejected(h.addValuesLocked(p))
	in.Mu.Unlock()
	h.proposed(p, e)
}

// valueBudget returns the budget of the values of a room: those of users and of durable rooms are in the log, if there is one.
func (h *Hub) valueBudget(room string) *valueBudget {
	if h.Durable != nil && (room == "" || h.OptionsOf(room).Durable) {
		return &h.values.onDisk
	}
	return &h.values.inMemory
}

// valuesOf returns the values of a room, and creates them if necessary: end with dropValues. The lock of in is held.
func (in *Stripe) valuesOf(room string, b *valueBudget) *roomValues {
	rv := in.values[room]
	if rv == nil {
		room = strings.Clone(room)
		rv = &roomValues{
			room: room, budget: b,
			members: rosterFamily{room: room, index: in.Hub.members}, numbers: markerFamily{prefix: markerPrefix(room)},
		}
		in.values[room] = rv
	}
	return rv
}

// dropValues ends the values of a room that has none. The lock of in is held.
func (in *Stripe) dropValues(rv *roomValues) {
	if rv.count == 0 && len(rv.proposed) == 0 {
		delete(in.values, rv.room)
	}
}

// addValuesLocked adds changes, whose bytes are counted, to the open record. On error they are not counted. The room's lock is held.
func (h *Hub) addValuesLocked(p *proposal) error {
	entries := make([]record.Entry, len(p.changes))
	now := time.Now().UnixMilli()
	for i, v := range p.changes {
		entries[i] = record.Entry{Kind: record.Value, Room: p.values.room, UnixMilli: now, Key: v.Key, Data: v.Data}
	}
	p.values.propose(p.changes)
	if err := h.Durable.Add(p, entries); err != nil {
		p.discardValuesLocked()
		return err
	}
	return nil
}

// commitValuesLocked applies committed changes, from the record at. The room's lock is held.
func (pr *proposal) commitValuesLocked(at valueAt) {
	pr.values.settle(pr.changes)
	pr.applyValuesLocked(at)
}

// applyValuesLocked applies changes, from the record at. The room's lock is held.
func (pr *proposal) applyValuesLocked(at valueAt) {
	for _, v := range pr.changes {
		pr.values.set(v, at)
	}
	pr.stripe.dropValues(pr.values)
}

// discardValuesLocked ends changes that are not committed, or whose outcome is unknown. The room's lock is held.
func (pr *proposal) discardValuesLocked() {
	for _, v := range pr.changes {
		pr.values.budget.bytes.Add(-v.size(pr.values.room))
	}
	pr.values.settle(pr.changes)
	pr.stripe.dropValues(pr.values)
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
