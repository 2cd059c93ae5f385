package server

import (
	"bytes"
	"slices"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/token"
)

// subscribe puts the session into a room.
func (s *session) subscribe(id uint32, req *protocol.SubscribeRequest) {
	if !validRoomName(req.Channel) || req.Type != 0 || req.Tf != nil {
		s.fail(id, errBadRequest)
		return
	}
	if s.hub.hooks.crowded(s, onSubscribe) || s.hub.hooks.wants(onSubscribe) && s.overdrawn() {
		s.refuse(id, errTooManyRequests)
		return
	}
	e := &entry{wish: req, info: s.info}
	if req.Token == "" {
		s.subscribeAs(id, e)
		return
	}
	s.entering = e
	s.subscriptionToken(id, req.Token, req.Channel, errTokenExpired, func(claims token.SubClaims) {
		e.withToken, e.info, e.data = true, s.infoIn(claims.Info), asJSON(claims.Data)
		e.credential = &credential{claims.ID, claims.IssuedAt}
		e.expires = expiryOf(claims.Expires)
		e.ttl = ttl(claims.Expires)
		s.subscribeAs(id, e)
	})
}

// subscribeAs goes on with subscribe when the token, if there is one, is known to be good.
func (s *session) subscribeAs(id uint32, e *entry) {
	s.entering = nil
	if e.ended {
		s.fail(id, errDenied)
		return
	}
	if err := s.mayEnter(e); err != nil {
		s.refuse(id, err)
		return
	}
	if s.hub.hooks.wants(onSubscribe) {
		s.askSubscribe(id, e)
		return
	}
	s.enterRoom(id, e)
}

// mayEnter says why the session may not enter a room, or nil.
func (s *session) mayEnter(e *entry) *protocol.Error {
	who, in := s.asker(false, e.withToken), s.hub.viewOf(e.wish.Channel)
	switch {
	case s.find(e.wish.Channel) != nil:
		return errAlreadyIn
	case len(s.subs) >= s.hub.maxRooms:
		return errLimit
	case !s.hub.authorize(who, toSubscribe, in):
		return errorOf(s.hub.denial(who, toSubscribe, in))
	}
	return nil
}

// enterRoom makes the session a member of a room that it may enter.
func (s *session) enterRoom(id uint32, e *entry) {
	s.hub.enter(s, []*entry{e}, func() []*protocol.Reply {
		return []*protocol.Reply{{Id: id, Subscribe: e.result}}
	})
	if e.err != nil {
		s.refuse(id, errorOf(e.err))
	}
	if e.expires != 0 {
		s.schedule()
	}
}

// unsubscribe takes the session out of a room. The presence is gone before the answer is sent.
func (s *session) unsubscribe(id uint32, req *protocol.UnsubscribeRequest) {
	if sub := s.find(req.Channel); sub != nil {
		s.leave(sub)
	}
	s.reply(&protocol.Reply{Id: id, Unsubscribe: &protocol.UnsubscribeResult{}})
}

// endSubscription takes a subscription away from a client, and tells it why.
func (s *session) endSubscription(sub *subscription, why ending) {
	name := sub.room.name
	s.leave(sub)
	s.push(&protocol.Push{Channel: name, Unsubscribe: &protocol.Unsubscribe{Code: why.code, Reason: why.text}})
}

// lostPosition ends a subscription that watches for gaps. Called on the poller.
func (s *session) lostPosition(room string) {
	sub := s.find(room)
	switch {
	case sub == nil || !sub.positioned || s.conn.closing():
	case sub.serverSide:
		s.dismiss(disconnectInsufficient) // an SDK does not ask again for a room that it was given
	default:
		s.endSubscription(sub, endedInsufficient)
		s.flush()
	}
}

// leave takes the session out of a room and tells nobody but the others in it.
func (s *session) leave(sub *subscription) {
	i := slices.Index(s.subs, sub)
	s.subs = slices.Delete(s.subs, i, i+1)
	in := sub.room.stripe
	in.mu.Lock()
	wake := s.hub.leaveLocked(sub)
	in.mu.Unlock()
	s.hub.wake(wake)
	if sub.room.options.JoinLeave {
		s.spokeIn(sub.room)
	}
}

// entry is a subscription on its way into a room: what was asked for, and what came of it.
type entry struct {
	wish       *protocol.SubscribeRequest
	serverSide bool
	withToken  bool
	byToken    bool
	ended      bool        // the application has taken it out while it was asked about
	credential *credential // of a subscription token; nil for none
	info       *clientInfo
	data       []byte
	expires    expiry
	ttl        uint32

	readsHistory bool
	encoding     encoding
	missed       []publication // what the answer is to tell of the room's past
	whole        bool          // that does not end with the publication which the next delta is made against

	sub    *subscription
	result *protocol.SubscribeResult
	err    *rejection
}

// admission is the answer to a client that joins rooms. The shard makes it, behind everything that was published before.
type admission struct {
	entries []*entry
	answer  func() []*protocol.Reply // called on the shard if one of the entries has joined
}

// replies returns the answer. Called on the shard, once; budget is of nanoseconds for deltas.
func (a *admission) replies(budget *int) []*protocol.Reply {
	replies := a.answer()
	for _, e := range a.entries {
		e.tellMissed(budget)
	}
	return replies
}

// enter makes the session a member of rooms. What a newcomer is told of a room's past ends exactly where its future begins: its
// position is read, and the replies and its joining are posted, while the rooms are locked. The replies are those gathered so far and
// those of answer.
func (h *hub) enter(s *session, entries []*entry, answer func() []*protocol.Reply) {
	for _, e := range entries {
		// Here, as the last thing: whoever bans or revokes looks for those who are in.
		who, in := s.asker(false, e.withToken), h.viewOf(e.wish.Channel)
		who.server = e.serverSide
		revoked := e.credential != nil && h.moderation.refuses(s.info.User, *e.credential)
		switch {
		case revoked:
			e.err = rejectDenied
		case !h.authorize(who, toSubscribe, in):
			e.err = h.denial(who, toSubscribe, in)
		}
		e.readsHistory = h.authorize(s.asker(true, e.withToken), toReadHistory, in)
	}
	told := s.take()
	shard := s.conn.shard
	var wake, stripes uint64
	for _, e := range entries {
		stripes |= 1 << h.rooms.stripeOf(e.wish.Channel).index
	}
	h.rooms.lock(stripes)
	for _, e := range entries {
		if e.err == nil {
			h.enterLocked(s, e)
		}
		if e.err == nil {
			e.whole = !e.knowsLast()
			if told == nil {
				told = newReplyFrame(s.encoding)
			}
			told.admission = &admission{entries, answer}
		}
	}
	// What is missed is the shard's from here on.
	if told != nil {
		wake |= shard.push(job{do: sendReply, conn: s.conn, reply: told})
	}
	for _, e := range entries {
		if e.err != nil {
			continue
		}
		s.subs = append(s.subs, e.sub)
		h.metrics.subscriptions.Inc()
		wake |= shard.push(job{do: joinTopic, member: &e.sub.member, whole: e.whole && e.encoding.withDelta()})
		if r := e.sub.room; r.options.JoinLeave {
			wake |= h.announceLocked(r, e.sub.info, true)
			s.spokeIn(r)
		}
	}
	h.rooms.unlock(stripes)
	h.wake(wake)
}

// enterLocked finds the room, says what the newcomer missed of it, and counts it in. The room's lock is held.
func (h *hub) enterLocked(s *session, e *entry) {
	r := h.roomLocked(h.rooms.stripeOf(e.wish.Channel), e.wish.Channel)
	o := r.options
	if o.MaxMembers > 0 && r.members >= o.MaxMembers {
		e.err = rejectLimit
		h.tidyLocked(r)
		return
	}
	readsHistory := o.HistorySize > 0 && e.readsHistory
	sub := &subscription{
		member: member{
			conn: s.conn, at: -1,
			positioned: readsHistory && (o.Recovery || o.Positioning || e.wish.Positioned || e.wish.Recoverable),
		},
		room:        r,
		info:        e.info,
		serverSide:  e.serverSide,
		byToken:     e.byToken,
		withToken:   e.withToken,
		recoverable: readsHistory && (o.Recovery || e.wish.Recoverable),
		expires:     e.expires,
		credential:  e.credential,
	}
	e.encoding = s.encoding
	if o.Delta && e.wish.Delta == "fossil" {
		e.encoding += jsonDeltaEncoding - jsonEncoding
	}
	e.result = &protocol.SubscribeResult{
		Recoverable: sub.recoverable,
		Positioned:  sub.positioned,
		Delta:       e.encoding.withDelta(),
		Data:        e.data,
		Expires:     e.ttl != 0,
		Ttl:         e.ttl,
	}
	if sub.positioned || sub.recoverable {
		h.expireLocked(r)
		e.result.Epoch, e.result.Offset = r.history.epoch, r.history.top
	}
	if e.wish.Recover && readsHistory {
		h.recoverLocked(s, r, e)
		if e.err != nil {
			h.tidyLocked(r)
			return
		}
	}
	sub.topic = r.topicLocked(s.conn.shard, format(e.encoding))
	sub.topic.members++
	r.members++
	if o.Presence {
		r.present.add(sub)
	}
	e.sub = sub
}

const (
	flagRejectUnrecovered = 2 // of subscribe: an error rather than a subscription that has missed something

	maxRecovered = 1000 // publications in one answer
)

// recoverLocked gives a client that comes back every publication it missed, once and in order, or tells it that it cannot:
// also where it comes back to so many rooms that it would be closed for not having read all of that yet.
func (h *hub) recoverLocked(s *session, r *room, e *entry) {
	from := position{e.wish.Offset, e.wish.Epoch}
	missed, bytes, ok := r.history.missed(from, maxRecovered, h.maxUnsent/2)
	if ok && bytes > 0 && !perSecond(h.maxUnsent/2).allow(&s.recovered, h.clock.now(), bytes) {
		missed, ok = nil, false
	}
	e.result.WasRecovering, e.result.Recovered = true, ok
	switch {
	case ok:
		e.missed, e.result.Offset = missed, from.offset
		h.metrics.recovered.Inc()
	case e.wish.Flag&flagRejectUnrecovered != 0:
		e.err = rejectUnrecoverable
		h.metrics.unrecovered.Inc()
	default:
		h.metrics.unrecovered.Inc()
	}
}

// tellMissed puts the publications into the answer. Called on the shard, where there is time for it; budget is of nanoseconds for deltas.
func (e *entry) tellMissed(budget *int) {
	var before *publication
	for i := range e.missed {
		p := &e.missed[i]
		if e.encoding.withDelta() {
			told := deltaPublication(p, before, e.encoding, budget)
			told.Time = p.unixMilli
			e.result.Publications = append(e.result.Publications, told)
			before = p
		} else {
			e.result.Publications = append(e.result.Publications, pastPublication(p, e.encoding))
		}
	}
	e.missed = nil
}

// knowsLast says whether the newcomer is told the publication that the next delta will be made against. The room's lock is held.
func (e *entry) knowsLast() bool {
	n, last := len(e.missed), e.sub.room.last
	// It may have been said without being remembered, or be redacted.
	return n > 0 && last != nil && e.missed[n-1].offset == last.offset && bytes.Equal(e.missed[n-1].data, last.data)
}

// leaveLocked counts a subscription out, and tells the others. The room's lock is held.
func (h *hub) leaveLocked(sub *subscription) (wake uint64) {
	r := sub.room
	r.members--
	sub.topic.members--
	h.metrics.subscriptions.Dec()
	if r.options.Presence {
		r.present.remove(sub)
	}
	wake |= sub.topic.shard.push(job{do: leaveTopic, member: &sub.member})
	wake |= h.announceLocked(r, sub.info, false)
	h.tidyLocked(r)
	return wake
}
