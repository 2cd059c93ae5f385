package server

import (
	"bytes"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

// joinRequest asks for a place in a room, and says what came of it.
type joinRequest struct {
	in          view
	actor       asker
	credential  *credential // of a token for the room; nil for none
	place       *membership // to be taken: its info is set
	format      fanout.Format
	deltaFormat fanout.Format // in place of format, where the client wants deltas and the room's options allow them; 0 where it wants none
	positioned  bool
	recoverable bool
	recovers    bool           // since is where the client was
	since       position       // the epoch may be empty, for whichever it is now
	mustRecover bool           // it is rejected rather than let in having missed something
	recovery    *limiter.Meter // bytes of what the client was told that it had missed

	// What came of it. Constant once it is posted, but for missed, which is the shard's then.
	err       *rejection
	mayRead   bool          // the history
	withDelta bool          // it receives deltaFormat
	at        position      // where what it receives begins, if it is positioned or recoverable; else the zero position
	recovered bool          // it is told all that it missed
	missed    []publication // what it is to be told of the room's past
	whole     bool          // that does not end with the publication which the next delta is made against
}

// joinRooms makes a client a member of rooms. What a newcomer is told of a room's past ends exactly where its future begins: its
// position is read, and the reply and its joining are posted, while the rooms are locked. The reply is posted where a request is not
// rejected, or always. Called on the client's poller.
func (h *hub) joinRooms(c *fanout.Conn, requests []*joinRequest, reply fanout.LateFrame, always bool) {
	var wake, stripes uint64
	for _, q := range requests {
		// Here, as the last thing: whoever bans or revokes looks for those who are in.
		revoked := q.credential != nil && h.moderation.refuses(q.actor.user, *q.credential)
		switch {
		case revoked:
			q.err = rejectDenied
		case !h.authorize(q.actor, toSubscribe, q.in):
			q.err = h.denial(q.actor, toSubscribe, q.in)
		}
		member := asker{user: q.actor.user, inside: true, token: q.actor.token}
		q.mayRead = h.authorize(member, toReadHistory, q.in)
		stripes |= 1 << h.rooms.stripeOf(q.in.name).index
	}
	h.rooms.lock(stripes)
	for _, q := range requests {
		if q.err == nil {
			h.joinLocked(c, q)
		}
		always = always || q.err == nil
	}
	// What is missed is the shard's from here on.
	if always {
		wake |= c.Shard.Push(fanout.Job{Do: fanout.SendReply, Conn: c, Reply: reply})
	}
	for _, q := range requests {
		if q.err != nil {
			continue
		}
		h.Metrics.Subscriptions.Inc()
		wake |= c.Shard.Push(fanout.Job{Do: fanout.JoinTopic, Member: &q.place.Member, Whole: q.whole && q.withDelta})
		if r := q.place.room; r.options.JoinLeave {
			wake |= h.announceLocked(r, q.place.info, true)
		}
	}
	h.rooms.unlock(stripes)
	h.Wake(wake)
}

// joinLocked finds the room, says what the newcomer missed of it, and counts it in. The room's lock is held.
func (h *hub) joinLocked(c *fanout.Conn, q *joinRequest) {
	r := h.roomLocked(h.rooms.stripeOf(q.in.name), q.in.name)
	o := r.options
	if o.MaxMembers > 0 && r.members >= o.MaxMembers {
		q.err = rejectLimit
		h.tidyLocked(r)
		return
	}
	readsHistory := o.HistorySize > 0 && q.mayRead
	q.positioned = readsHistory && (o.Recovery || o.Positioning || q.positioned || q.recoverable)
	q.recoverable = readsHistory && (o.Recovery || q.recoverable)
	if q.positioned || q.recoverable {
		h.expireLocked(r)
		q.at = r.history.position()
	}
	if q.recovers = q.recovers && readsHistory; q.recovers {
		h.recoverLocked(r, q)
		if q.err != nil {
			h.tidyLocked(r)
			return
		}
	}
	f := q.format
	if q.withDelta = o.Delta && q.deltaFormat != 0; q.withDelta {
		f = q.deltaFormat
	}
	m := q.place
	m.Member = fanout.Member{Conn: c, Topic: r.TopicLocked(c.Shard, f), At: -1, Positioned: q.positioned}
	m.room, m.withToken = r, q.actor.token
	m.Topic.Members++
	r.members++
	if o.Presence {
		r.present.add(m)
	}
	q.whole = !q.knowsLast(r)
}

// maxRecovered is how many publications one answer tells of a room's past.
const maxRecovered = 1000

// recoverLocked gives a client that comes back every publication it missed, once and in order, or tells it that it cannot:
// also where it comes back to so many rooms that it would be closed for not having read all of that yet.
func (h *hub) recoverLocked(r *room, q *joinRequest) {
	missed, bytes, ok := r.history.missed(q.since, maxRecovered, h.MaxUnsent/2)
	if ok && bytes > 0 && !limiter.PerSecond(h.MaxUnsent/2).Allow(q.recovery, h.Clock.Now(), bytes) {
		missed, ok = nil, false
	}
	q.recovered = ok
	switch {
	case ok:
		q.missed, q.at.offset = missed, q.since.offset
		h.Metrics.Recovered.Inc()
	case q.mustRecover:
		q.err = rejectUnrecoverable
		h.Metrics.Unrecovered.Inc()
	default:
		h.Metrics.Unrecovered.Inc()
	}
}

// knowsLast says whether the newcomer is told the publication that the next delta will be made against. The room's lock is held.
func (q *joinRequest) knowsLast(r *room) bool {
	n, last := len(q.missed), r.last
	// It may have been said without being remembered, or be redacted.
	return n > 0 && last != nil && q.missed[n-1].offset == last.offset && bytes.Equal(q.missed[n-1].data, last.data)
}
