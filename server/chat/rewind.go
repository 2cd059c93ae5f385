package chat

import (
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

// The option rewind: a client that joins a room receives its newest publications, and after them the live ones. Both are read and posted under
// the room's lock, as those of a recovery.

// newestLocked returns the publications of rewind, and their bytes. all is false if the limit of bytes excludes some. The room's lock is held.
func (h *Hub) newestLocked(r *Room) (pubs []Publication, bytes int, all bool) {
	h.expireLocked(r)
	limit := r.Options().Rewind
	pubs, bytes = r.History.newest(limit, h.Limits().MaxUnsent/2)
	return pubs, bytes, len(pubs) == min(limit, r.History.Count)
}

// rewindLocked sets RecoveredPublications to the publications of rewind, for a client that does not recover. They count for the bytes of
// recoveries of the client: beyond that rate it receives none. The room's lock is held.
func (h *Hub) rewindLocked(r *Room, q *JoinRequest) {
	if q.RecoveryMeter == nil {
		return // a reload has just added the option
	}
	pubs, bytes, all := h.newestLocked(r)
	if bytes > 0 && !limiter.PerSecond(h.Limits().MaxUnsent/2).Allow(q.RecoveryMeter, h.Clock.Now(), bytes) {
		pubs, all = nil, false
	}
	h.countRewind(all)
	q.RecoveredPublications = pubs
	if q.Positioned || q.Recoverable {
		q.Position.Offset -= uint64(len(pubs))
	}
}

// rewindPlainLocked posts the publications of rewind to a plain client that joins a room, behind the reply to its handshake. It returns the
// shards to wake. The room's lock is held.
func (h *Hub) rewindPlainLocked(r *Room, c *fanout.Conn) (wake uint64) {
	o := r.Options()
	if o.HistorySize == 0 || !h.Authorize(Actor{Member: true}, ToReadHistory, RoomRef{Name: r.Name, Options: o}) {
		return 0
	}
	pubs, _, all := h.newestLocked(r)
	h.countRewind(all)
	if len(pubs) == 0 {
		return 0
	}
	return c.Shard.Push(fanout.Job{Do: fanout.SendReply, Conn: c, Reply: &plainRewind{r, pubs}})
}

func (h *Hub) countRewind(all bool) {
	if all {
		h.Metrics.Rewinds.Inc()
	} else {
		h.Metrics.ShortRewinds.Inc()
	}
}

// plainRewind is the frames of publications for one plain client. It is a fanout.LateFrame.
type plainRewind struct {
	room *Room
	pubs []Publication
}

// AppendFrame appends one frame for each publication. Called on the shard, once.
func (rewind *plainRewind) AppendFrame(dst, scratch []byte, deltas *int) (frame, spent []byte) {
	codec := &rewind.room.Stripe.Hub.formats[PlainFormat]
	for i := range rewind.pubs {
		dst = append(dst, codec.Publication(rewind.room.Name, &rewind.pubs[i], nil, deltas)...)
	}
	return dst, scratch
}
