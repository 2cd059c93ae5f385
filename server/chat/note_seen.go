package chat

import (
	"encoding/binary"

	"github.com/throng-chat/throng/server/marker"
	"github.com/throng-chat/throng/server/wheel"
)

// NoteSeen notes whether a user is connected, after it has got or lost a connection. Any goroutine may call it, without locks.
func (h *Hub) NoteSeen(user string) {
	if !h.Settings().UsesRosters || len(user) > marker.MaxName || h.RostersOf(user) == 0 {
		return
	}
	var connected [1]bool
	h.Connected([]string{user}, connected[:])
	number := seenNumber(h.Clock.WallNow(), connected[0])
	if h.seen.note(user, number, h.Clock.Tick()) {
		h.writeSeen(user, number)
	}
}

// NoteGone is NoteSeen for a user whose node has ended, if no other node has a connection of it.
func (h *Hub) NoteGone(user string) {
	var connected [1]bool
	if h.Connected([]string{user}, connected[:]); !connected[0] {
		h.NoteSeen(user)
	}
}

// writeSeen stores the number of a user. Any goroutine may call it, without locks.
func (h *Hub) writeSeen(user string, number uint64) {
	h.ChangeValues("", func(now ValueReader) ([]Value, *Rejection) {
		var changes []Value
		if now.values != nil {
			changes = now.values.numbers.roomFor(user, 0)
		}
		return append(changes, Value{seenPrefix + user, binary.AppendUvarint(nil, number)}), nil
	}, func(_ StreamPosition, e *Rejection) {
		if e != nil {
			h.Metrics.SeenLost.Inc()
		}
	})
}

// tickSeen writes what has waited, and once a minute that the process runs. Called on the heartbeat.
func (h *Hub) tickSeen(now wheel.Tick) {
	for user, number := range h.seen.turns(now) {
		h.writeSeen(user, number)
	}
	if !h.StoresData() || now%aliveEachNth != 0 || !h.hasSeen() {
		return
	}
	h.aliveBefore() // the write replaces it
	h.SetValues("", []Value{{aliveKey, binary.AppendUvarint(nil, uint64(h.Clock.WallNow().Unix()))}}, func(_ StreamPosition, e *Rejection) {
		if e != nil {
			h.Metrics.SeenLost.Inc()
		}
	})
}

// hasSeen reports whether there is an entry.
func (h *Hub) hasSeen() bool {
	in := h.Rooms.StripeOf("")
	in.Mu.Lock()
	defer in.Mu.Unlock()
	rv := in.values[""]
	return rv != nil && rv.numbers.Len() > 0
}

// aliveBefore returns the last time that the process before this one is known to have run, in seconds since 1970; 0 if that is unknown.
func (h *Hub) aliveBefore() int64 {
	stored := h.Value("", aliveKey)
	h.seen.mu.Lock()
	defer h.seen.mu.Unlock()
	if h.seen.before == 0 {
		n, _ := binary.Uvarint(stored)
		h.seen.before = max(int64(n), 1)
	}
	return h.seen.before
}

// LastSeen returns when a user who is not connected was last connected, in milliseconds since 1970; 0 if that is unknown. Any goroutine may call
// it, without locks.
func (h *Hub) LastSeen(user string) int64 {
	number := h.seen.next(user)
	if number == 0 {
		number = markerOf(h.Value("", seenPrefix+user)).Number
	}
	at := int64(number >> 1)
	if number&1 == 1 {
		at = max(at, h.aliveBefore())
	}
	return at * 1000
}
