package chat

import (
	"bytes"

	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

// JoinRequest is a request of a client to join a room, with its result.
type JoinRequest struct {
	Room          RoomRef
	Actor         Actor
	Token         *TokenIdentity // of a token for the room; nil for none
	Membership    *Membership    // JoinRooms fills it; its Info is set
	Format        fanout.Format
	DeltaFormat   fanout.Format  // replaces Format if the room's options allow deltas; 0: the client does not support deltas
	Window        deflate.Window // of the client; 0 without permessage-deflate. Without a context if the room's options, or deltas, exclude it
	Positioned    bool
	Recoverable   bool
	Recover       bool           // recover from Since
	Since         StreamPosition // an empty epoch matches every epoch
	MustRecover   bool           // reject the request if recovery is not complete
	Repeated      bool           // the client repeats the request after a temporary error
	RecoveryMeter *limiter.Meter // of the client, in bytes of recovered publications; set if it recovers, or if the room's options have rewind

	// The result. Constant after it is posted, except for RecoveredPublications: the shard owns them.
	Err                   *Rejection
	canReadHistory        bool           // the actor may read the history as a member
	WithDelta             bool           // the member receives DeltaFormat
	Position              StreamPosition // the start of the live stream if Positioned or Recoverable; else the zero position
	Recovered             bool           // RecoveredPublications is complete
	RecoveredPublications []Publication  // the recovered publications; without a recovery, those of rewind
	needsFull             bool           // the member does not have the base of the next delta: it needs a full payload first
}

// JoinRooms makes a client a member of rooms. It reads the stream position, and posts the reply and the membership, while it holds the
// locks of all the rooms. So recovered publications end exactly where live publications begin. The reply is posted if a request
// is accepted, or if always is set. Called on the client's poller.
func (h *Hub) JoinRooms(c *fanout.Conn, requests []*JoinRequest, reply fanout.LateFrame, always bool) {
	var wake, stripes uint64
	for _, q := range requests {
		// The last check before the join: a later ban or revocation finds the member and ends the membership.
		revoked := q.Token != nil && h.Moderation.IsRevoked(q.Actor.User, *q.Token)
		switch {
		case revoked:
			q.Err = rejectDenied
		case !h.Authorize(q.Actor, ToSubscribe, q.Room):
			q.Err = h.Denial(q.Actor, ToSubscribe, q.Room)
		}
		member := Actor{User: q.Actor.User, Member: true, Token: q.Actor.Token}
		q.canReadHistory = h.Authorize(member, ToReadHistory, q.Room)
		stripes |= 1 << h.Rooms.StripeOf(q.Room.Name).index
	}
	h.Rooms.lock(stripes)
	for _, q := range requests {
		if q.Err == nil {
			h.joinLocked(c, q)
		}
		always = always || q.Err == nil
	}
	// From here on the shards own RecoveredPublications.
	if always {
		wake |= c.Shard.Push(fanout.Job{Do: fanout.SendReply, Conn: c, Reply: reply})
	}
	for _, q := range requests {
		if q.Err != nil {
			continue
		}
		h.Metrics.Subscriptions.Inc()
		wake |= c.Shard.Push(fanout.Job{Do: fanout.JoinTopic, Member: &q.Membership.Member, NeedsFull: q.needsFull && q.WithDelta})
		wake |= h.sendOrQueueLocked(q.Membership.Room, q.Membership.Info, true)
		h.Watchers.Note(ClientJoined, c, q.Membership.Room.Name, q.Membership.Info)
	}
	h.Rooms.unlock(stripes)
	h.Wake(wake)
}

// joinLocked gets or creates the room, recovers publications, and adds the member. It sets Err on rejection. The room's lock is held.
func (h *Hub) joinLocked(c *fanout.Conn, q *JoinRequest) {
	r := h.roomOfRefLocked(h.Rooms.StripeOf(q.Room.Name), q.Room)
	o := r.Options()
	if o.MaxMembers > 0 {
		if q.Err = r.fullLocked(o.MaxMembers); q.Err != nil {
			h.releaseLocked(r)
			return
		}
	}
	readsHistory := o.HistorySize > 0 && q.canReadHistory
	q.Positioned = readsHistory && (o.Recovery || o.Positioning || q.Positioned || q.Recoverable)
	q.Recoverable = readsHistory && (o.Recovery || q.Recoverable)
	if q.Positioned || q.Recoverable {
		h.expireLocked(r)
		q.Position = r.History.Position()
	}
	if q.Recover = q.Recover && readsHistory; q.Recover {
		h.recoverLocked(r, q)
		if q.Err != nil {
			h.releaseLocked(r)
			return
		}
	} else if o.Rewind > 0 && readsHistory {
		h.rewindLocked(r, q)
	}
	f := q.Format
	if q.WithDelta = o.Delta && q.DeltaFormat != 0; q.WithDelta {
		f = q.DeltaFormat
	}
	if q.WithDelta || !o.CompressionContext {
		q.Window = q.Window.Alone() // a delta is small, and a new member is sent a full payload in its place
	}
	m := q.Membership
	m.topic = r.TopicLocked(c.Shard, f.Compressed(q.Window))
	m.Member = fanout.Member{Conn: c, Topic: m.topic, At: -1, Positioned: q.Positioned}
	m.Room, m.WithToken = r, q.Actor.Token
	m.topic.Members++
	h.addMemberLocked(r, 1)
	if o.Presence {
		h.listLocked(m, r)
	}
	q.needsFull = !q.hasDeltaBase(r)
}

// SetWindow changes the window of a member. It moves the member to the topic of that window: the publications before the move reach it by the old
// topic, those after it by the new one. Called on the client's poller.
func (h *Hub) SetWindow(mem *Membership, w deflate.Window) {
	in := mem.Room.Stripe
	in.Mu.Lock()
	to := mem.Room.TopicLocked(mem.Conn.Shard, mem.topic.Format.Compressed(w))
	mem.topic.Members--
	to.Members++
	mem.topic = to
	wake := mem.Conn.Shard.Push(fanout.Job{Do: fanout.MoveMember, Member: &mem.Member, Topic: to})
	in.Mu.Unlock()
	h.Wake(wake)
}

// maxRecovered is the limit of recovered publications of one request.
const maxRecovered = 1000

// recoverLocked sets RecoveredPublications to all publications after Since, or leaves Recovered false. The bytes are limited to half of
// max-unsent, for one room and for all recent requests of the client together: otherwise the client would be closed as a slow consumer. It sets
// Err for a client that repeats the request, if this node may be behind the one of the client's last connection. The room's lock is held.
func (h *Hub) recoverLocked(r *Room, q *JoinRequest) {
	most := h.Limits().MaxUnsent / 2
	if d := r.durable; d != nil {
		now := r.History.Position()
		q.Since = d.log.since(d.fork, q.Since, now)
		if q.Repeated && q.Since.Epoch == now.Epoch && q.Since.Offset > now.Offset && d.log.forwards() {
			q.Err = RejectUnavailable // a later attempt finds what the owner has sent
			return
		}
	}
	recovered, bytes, ok := r.History.after(q.Since, maxRecovered, most)
	if ok && bytes > 0 && !limiter.PerSecond(most).Allow(q.RecoveryMeter, h.Clock.Now(), bytes) {
		recovered, ok = nil, false
	}
	q.Recovered = ok
	switch {
	case ok:
		q.RecoveredPublications, q.Position.Offset = recovered, q.Since.Offset
		h.Metrics.Recovered.Inc()
	case q.MustRecover:
		q.Err = rejectUnrecoverable
		h.Metrics.Unrecovered.Inc()
	default:
		h.Metrics.Unrecovered.Inc()
	}
}

// hasDeltaBase reports whether the recovered publications end with the base of the next delta. The room's lock is held.
func (q *JoinRequest) hasDeltaBase(r *Room) bool {
	n, last := len(q.RecoveredPublications), r.DeltaBase
	// The base may be absent from the history (SkipHistory), or redacted.
	return n > 0 && last != nil && q.RecoveredPublications[n-1].Offset == last.Offset && bytes.Equal(q.RecoveredPublications[n-1].Data, last.Data)
}
