package chat

import (
	"bytes"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

// JoinRequest asks for a place in a room, and says what came of it.
type JoinRequest struct {
	In          View
	Actor       Actor
	Credential  *Credential // of a token for the room; nil for none
	Place       *Membership // to be taken: its info is set
	Format      fanout.Format
	DeltaFormat fanout.Format // in place of format, where the client wants deltas and the room's options allow them; 0 where it wants none
	Positioned  bool
	Recoverable bool
	Recovers    bool           // since is where the client was
	Since       Position       // the epoch may be empty, for whichever it is now
	MustRecover bool           // it is rejected rather than let in having missed something
	Recovery    *limiter.Meter // bytes of what the client was told that it had missed

	// What came of it. Constant once it is posted, but for missed, which is the shard's then.
	Err       *Rejection
	mayRead   bool          // the history
	WithDelta bool          // it receives deltaFormat
	At        Position      // where what it receives begins, if it is positioned or recoverable; else the zero position
	Recovered bool          // it is told all that it missed
	Missed    []Publication // what it is to be told of the room's past
	whole     bool          // that does not end with the publication which the next delta is made against
}

// JoinRooms makes a client a member of rooms. What a newcomer is told of a room's past ends exactly where its future begins: its
// position is read, and the reply and its joining are posted, while the rooms are locked. The reply is posted where a request is not
// rejected, or always. Called on the client's poller.
func (h *Hub) JoinRooms(c *fanout.Conn, requests []*JoinRequest, reply fanout.LateFrame, always bool) {
	var wake, stripes uint64
	for _, q := range requests {
		// Here, as the last thing: whoever bans or revokes looks for those who are in.
		revoked := q.Credential != nil && h.Moderation.Refuses(q.Actor.User, *q.Credential)
		switch {
		case revoked:
			q.Err = rejectDenied
		case !h.Authorize(q.Actor, ToSubscribe, q.In):
			q.Err = h.Denial(q.Actor, ToSubscribe, q.In)
		}
		member := Actor{User: q.Actor.User, Inside: true, Token: q.Actor.Token}
		q.mayRead = h.Authorize(member, ToReadHistory, q.In)
		stripes |= 1 << h.Rooms.StripeOf(q.In.Name).index
	}
	h.Rooms.lock(stripes)
	for _, q := range requests {
		if q.Err == nil {
			h.joinLocked(c, q)
		}
		always = always || q.Err == nil
	}
	// What is missed is the shard's from here on.
	if always {
		wake |= c.Shard.Push(fanout.Job{Do: fanout.SendReply, Conn: c, Reply: reply})
	}
	for _, q := range requests {
		if q.Err != nil {
			continue
		}
		h.Metrics.Subscriptions.Inc()
		wake |= c.Shard.Push(fanout.Job{Do: fanout.JoinTopic, Member: &q.Place.Member, Whole: q.whole && q.WithDelta})
		if r := q.Place.Room; r.Options.JoinLeave {
			wake |= h.announceLocked(r, q.Place.Info, true)
		}
	}
	h.Rooms.unlock(stripes)
	h.Wake(wake)
}

// joinLocked finds the room, says what the newcomer missed of it, and counts it in. The room's lock is held.
func (h *Hub) joinLocked(c *fanout.Conn, q *JoinRequest) {
	r := h.roomOfViewLocked(h.Rooms.StripeOf(q.In.Name), q.In)
	o := r.Options
	if o.MaxMembers > 0 && r.Members >= o.MaxMembers {
		q.Err = RejectLimit
		h.tidyLocked(r)
		return
	}
	readsHistory := o.HistorySize > 0 && q.mayRead
	q.Positioned = readsHistory && (o.Recovery || o.Positioning || q.Positioned || q.Recoverable)
	q.Recoverable = readsHistory && (o.Recovery || q.Recoverable)
	if q.Positioned || q.Recoverable {
		h.expireLocked(r)
		q.At = r.History.Position()
	}
	if q.Recovers = q.Recovers && readsHistory; q.Recovers {
		h.recoverLocked(r, q)
		if q.Err != nil {
			h.tidyLocked(r)
			return
		}
	}
	f := q.Format
	if q.WithDelta = o.Delta && q.DeltaFormat != 0; q.WithDelta {
		f = q.DeltaFormat
	}
	m := q.Place
	m.Member = fanout.Member{Conn: c, Topic: r.TopicLocked(c.Shard, f), At: -1, Positioned: q.Positioned}
	m.Room, m.WithToken = r, q.Actor.Token
	m.Topic.Members++
	r.Members++
	if o.Presence {
		r.Present.Add(m)
	}
	q.whole = !q.knowsLast(r)
}

// maxRecovered is how many publications one answer tells of a room's past.
const maxRecovered = 1000

// recoverLocked gives a client that comes back every publication it missed, once and in order, or tells it that it cannot:
// also where it comes back to so many rooms that it would be closed for not having read all of that yet.
func (h *Hub) recoverLocked(r *Room, q *JoinRequest) {
	missed, bytes, ok := r.History.Missed(q.Since, maxRecovered, h.MaxUnsent/2)
	if ok && bytes > 0 && !limiter.PerSecond(h.MaxUnsent/2).Allow(q.Recovery, h.Clock.Now(), bytes) {
		missed, ok = nil, false
	}
	q.Recovered = ok
	switch {
	case ok:
		q.Missed, q.At.Offset = missed, q.Since.Offset
		h.Metrics.Recovered.Inc()
	case q.MustRecover:
		q.Err = rejectUnrecoverable
		h.Metrics.Unrecovered.Inc()
	default:
		h.Metrics.Unrecovered.Inc()
	}
}

// knowsLast says whether the newcomer is told the publication that the next delta will be made against. The room's lock is held.
func (q *JoinRequest) knowsLast(r *Room) bool {
	n, last := len(q.Missed), r.Last
	// It may have been said without being remembered, or be redacted.
	return n > 0 && last != nil && q.Missed[n-1].Offset == last.Offset && bytes.Equal(q.Missed[n-1].Data, last.Data)
}
