package chat

import (
	"time"

	"github.com/throng-chat/throng/server/wheel"
)

// OnTick expires publications, positions and sanctions, and sends queued join and leave events. Called on the heartbeat at each tick.
func (h *Hub) OnTick(now time.Time, tick wheel.Tick) {
	h.ExpireRooms(tick)
	h.sendQueuedEvents()
	h.tickSeen(tick)
	h.sendReceipts(tick)
	h.Moderation.expire(now)
}

// ExpireRooms expires stream positions, and the publications of rooms whose retention is due. Called on the heartbeat.
func (h *Hub) ExpireRooms(now wheel.Tick) {
	h.Positions.expire(now)
	for _, du := range h.Logs() {
		du.positions.expire(now)
		du.Tick(now)
	}
	h.Rooms.each(func(in *Stripe) { h.expireStripeLocked(in, now) })
}

func (h *Hub) expireStripeLocked(in *Stripe, now wheel.Tick) {
	in.due = in.retention.Advance(now, in.due[:0])
	for i, r := range in.due {
		in.due[i] = nil
		r.scheduled = false
		h.expireLocked(r)
		switch {
		case !r.isEmpty():
			r.scheduled = true
			in.retention.File(r, r.oldest()+r.HistoryTTL()+1)
		case r.inUse(), r.durable != nil && r.durable.pending > 0:
			// The last member or listener to leave releases the room, or the last commit.
		default:
			h.deleteLocked(r)
		}
	}
}
