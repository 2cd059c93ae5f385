package chat

import (
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/timeline"
)

// The log in memory of a cluster is replaced by that of another owner, after a partition. All its rooms begin again with the new log. Members stay.
// Those with a position resubscribe, and recover if the new log has their position.

// Reset drops the state of the rooms of the log. Until Restored, members receive no publications.
func (co committer) Reset() {
	h, du := co.hub, co.log
	du.live.Store(false)
	du.positions.reset()
	du.replayed = replayed{resets: true}
	du.applied.Store(0)
	if du.requests != nil {
		du.requests.Rewind()
	}
	du.snapshots.proposed.Store(false)
	h.eachOfLog(du, h.resetLocked)
	h.Rooms.each(func(in *Stripe) {
		for _, rv := range in.values {
			if rv.budget == du.values {
				rv.drop()
				in.dropValues(rv)
			}
		}
	})
	h.idempotency.removeIf(func(room string) bool { return h.logOf(room, h.OptionsOf(room)) == du })
}

// resetLocked drops the publications and the messages of a room, and its position. It may release the room. The room's lock is held.
func (h *Hub) resetLocked(r *Room) {
	h.HistoryBudget.Clear(r)
	if r.talk != nil {
		h.HistoryBudget.update(r, func() int {
			grown := r.talk.dropWhile(func(messageTime) bool { return true })
			grown -= r.talk.timeline.Bytes()
			r.talk.timeline, r.talk.orphans = timeline.Timeline{}, orphans{all: true}
			return r.History.grow(grown)
		})
	}
	d := r.durable
	d.release(r.History.LastOffset+1, r.History.LastOffset)
	*d = durableRoom{log: d.log}
	r.version, r.DeltaBase = Version{}, nil
	r.History.LastOffset, r.History.Epoch = 0, d.log.epoch(0)
	h.releaseLocked(r)
}

// Restored ends the memberships that need a position, in all rooms of the log: their clients resubscribe. From now on members receive publications.
func (co committer) Restored() {
	co.log.replayed.resets = false
	co.log.live.Store(true)
	co.hub.endPositions(co.log)
}

// endPositions ends the memberships that need a position, in all rooms of a log. Their clients resubscribe from their last position.
func (h *Hub) endPositions(du *Durable) {
	var wake uint64
	h.eachOfLog(du, func(r *Room) {
		if r.talk != nil {
			r.talk.orphans = orphans{}
		}
		wake |= r.endPositionsLocked()
	})
	h.RoomFeeds.missAll()
	h.Wake(wake)
}

// endPositionsLocked ends the memberships of a room that need a position. Listeners continue in the history. The room's lock is held; pass the result to Wake.
func (r *Room) endPositionsLocked() (wake uint64) {
	for _, t := range r.Topics {
		if t.Members > 0 {
			wake |= t.Shard.Push(fanout.Job{Do: fanout.CallBack, Call: func() { t.Gap(t.Shard) }})
		}
	}
	for _, li := range r.listeners {
		li.fallBehind()
	}
	return wake
}
