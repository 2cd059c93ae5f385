package chat

import (
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// OnTick expires publications, positions and sanctions, and sends queued join and leave events. Called on the heartbeat at each tick.
func (h *Hub) OnTick(now time.Time, tick wheel.Tick) {
	h.Age(tick)
	h.Announce()
	h.Moderation.Expire(now)
}

// Age expires stream positions, and the publications of rooms whose retention is due. Called on the heartbeat.
func (h *Hub) Age(now wheel.Tick) {
	h.Positions.Expire(now)
	h.Rooms.Each(func(in *Stripe) { h.ageLocked(in, now) })
}

func (h *Hub) ageLocked(in *Stripe, now wheel.Tick) {
	in.aged = in.ages.Advance(now, in.aged[:0])
	for i, r := range in.aged {
		in.aged[i] = nil
		r.kept = false
		h.expireLocked(r)
		switch {
		case r.History.Count > 0:
			r.kept = true
			in.ages.File(r, r.History.At(0).At+r.Memory()+1)
		case r.Members > 0:
			// The last member to leave releases the room.
		default:
			h.ForgetLocked(r)
		}
	}
}
