package chat

import "strings"

// hasReceiptsLocked reports whether the members of a room receive receipts now. The room's lock is held.
func (h *Hub) hasReceiptsLocked(room string) bool {
	in := h.Rooms.StripeOf(room)
	r := in.rooms[room]
	return r != nil && r.talk != nil && r.Options().Receipts && r.Members+in.elsewhereLocked(room).Members <= MaxReceiptMembers
}

// noteMarkerLocked notes a value for the receipts if it moves a marker. Each node of a cluster does it with each value of the log, for its own
// clients. The value is not set yet. The room's lock is held.
func (in *Stripe) noteMarkerLocked(rv *roomValues, v Value) {
	h := in.Hub
	if len(v.Data) == 0 || rv.room == "" || !rv.numbers.has(v.Key) || !h.hasReceiptsLocked(rv.room) {
		return
	}
	e, user := markerOf(v.Data), v.Key[len(rv.numbers.prefix):]
	r := in.rooms[rv.room]
	if was := rv.numbers.Get(user); r.Members == 0 || e.Epoch != epochNumber(r.History.Epoch) || was.Epoch == e.Epoch && was.Number >= e.Number {
		return
	}
	if !h.receipts.add(rv.room, strings.Clone(user), e.Number) {
		h.Metrics.ReceiptsDropped.Inc()
	}
}
