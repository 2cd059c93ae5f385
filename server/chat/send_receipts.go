package chat

import (
	"encoding/json"

	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/wheel"
)

// ReceiptsOf returns how far users have read a chat room: those in its presence and, if these are at most MaxReceiptMembers, those of its roster.
// There are none if the members receive no receipts now. Any goroutine may call it, without locks.
func (h *Hub) ReceiptsOf(room string) map[string]uint64 {
	upto := map[string]uint64{}
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	rv := in.values[room]
	if rv == nil || !h.hasReceiptsLocked(room) {
		return upto
	}
	r := in.rooms[room]
	epoch := epochNumber(r.History.Epoch)
	add := func(user string) {
		if e := rv.numbers.Get(user); e.Number > 0 && e.Epoch == epoch {
			upto[user] = e.Number
		}
	}
	for user := range r.Presence.users {
		add(user)
	}
	if rv.members.Len() <= MaxReceiptMembers {
		rv.members.All(func(e roster.Entry) bool {
			add(e.User)
			return true
		})
	}
	return upto
}

// sendReceipts sends the receipts of the last second. Called on the heartbeat.
func (h *Hub) sendReceipts(now wheel.Tick) {
	if now%receiptTicks != 0 {
		return
	}
	var wake uint64
	for room, users := range h.receipts.take() {
		data, err := json.Marshal(struct {
			Type string            `json:"type"`
			Upto map[string]uint64 `json:"upto"`
		}{"receipts", users})
		if err != nil {
			panic(err) // no type of it can fail
		}
		pub := Publication{Data: data, Form: FormJSON}
		in := h.Rooms.StripeOf(room)
		in.Mu.Lock()
		if h.hasReceiptsLocked(room) {
			m := &Message{Pub: pub, Bytes: int32(pub.Size() + messageOverhead), sdkOnly: true}
			wake |= h.postLocked(in.rooms[room], m)
		}
		in.Mu.Unlock()
	}
	h.Wake(wake)
}
