package server

import (
	"slices"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/token"
)

// subscribe puts the session into a room.
func (s *session) subscribe(id uint32, req *protocol.SubscribeRequest) {
	if !chat.ValidRoomName(req.Channel) || req.Type != 0 || req.Tf != nil {
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
		e.Credential = &chat.Credential{Id: claims.ID, Issued: claims.IssuedAt}
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
	e.In = s.hub.ViewOf(e.wish.Channel)
	who, in := s.asker(false, e.withToken), e.In
	switch {
	case s.find(e.wish.Channel) != nil:
		return errAlreadyIn
	case len(s.subs) >= s.hub.maxRooms:
		return errLimit
	case !s.hub.Authorize(who, chat.ToSubscribe, in):
		return errorOf(s.hub.Denial(who, chat.ToSubscribe, in))
	}
	return nil
}

// enterRoom makes the session a member of a room that it may enter.
func (s *session) enterRoom(id uint32, e *entry) {
	s.join([]*entry{e}, func() []*protocol.Reply {
		return []*protocol.Reply{{Id: id, Subscribe: e.result}}
	})
	if e.Err != nil {
		s.refuse(id, errorOf(e.Err))
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

func (s *session) asker(inside, token bool) chat.Actor {
	return chat.Actor{User: s.info.User, Inside: inside, Token: token}
}

// viewOf is a room as the session finds it. Called on the poller.
func (s *session) viewOf(room string) chat.View {
	if sub := s.find(room); sub != nil {
		return chat.View{Name: room, Options: sub.Room.Options, Place: &sub.Membership}
	}
	return s.hub.ViewOf(room)
}

// in is the session as an asker in a room.
func (s *session) in(p chat.View) chat.Actor {
	return s.asker(p.Place != nil, p.Place != nil && p.Place.WithToken)
}

// endSubscription takes a subscription away from a client, and tells it why.
func (s *session) endSubscription(sub *subscription, why ending) {
	name := sub.Room.Name
	s.leave(sub)
	s.push(&protocol.Push{Channel: name, Unsubscribe: &protocol.Unsubscribe{Code: why.code, Reason: why.text}})
}

// lostPosition ends a subscription that watches for gaps. Called on the poller.
func (s *session) lostPosition(room string) {
	sub := s.find(room)
	switch {
	case sub == nil || !sub.Positioned || s.conn.Closing():
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
	s.hub.LeaveRoom(&sub.Membership)
	if sub.Room.Options.JoinLeave {
		s.spokeIn(sub.Room)
	}
}

// entry is a subscription on its way into a room: what was asked for, and what came of it.
type entry struct {
	chat.JoinRequest

	wish       *protocol.SubscribeRequest
	serverSide bool
	withToken  bool
	byToken    bool
	ended      bool // the application has taken it out while it was asked about
	info       *chat.ClientInfo
	data       []byte
	expires    expiry
	ttl        uint32

	sub    *subscription
	result *protocol.SubscribeResult // made by the shard
}

const flagRejectUnrecovered = 2 // of subscribe: an error rather than a subscription that has missed something

// request fills in the request for a place in the room.
func (e *entry) request(s *session) *chat.JoinRequest {
	e.sub = &subscription{
		Membership: chat.Membership{Info: e.info},
		serverSide: e.serverSide,
		byToken:    e.byToken,
		expires:    e.expires,
		credential: e.Credential,
	}
	if e.In.Options == nil {
		e.In = s.hub.ViewOf(e.wish.Channel)
	}
	e.Actor = s.asker(false, e.withToken)
	e.Actor.Server = e.serverSide
	e.Place = &e.sub.Membership
	e.Format = fanout.Format(s.encoding)
	if e.wish.Delta == "fossil" {
		e.DeltaFormat = fanout.Format(s.encoding + jsonDeltaEncoding - jsonEncoding)
	}
	e.Positioned, e.Recoverable = e.wish.Positioned, e.wish.Recoverable
	e.Recovers, e.Since = e.wish.Recover, chat.Position{Offset: e.wish.Offset, Epoch: e.wish.Epoch}
	e.MustRecover = e.wish.Flag&flagRejectUnrecovered != 0
	e.Recovery = &s.recovered
	return &e.JoinRequest
}

// join makes the session a member of rooms. The reply is what was gathered so far and what answer returns, which is called on the shard
// if one of the entries has joined.
func (s *session) join(entries []*entry, answer func() []*protocol.Reply) {
	reply := s.take()
	gathered := reply != nil
	if !gathered {
		reply = newReplyFrame(s.encoding)
	}
	reply.admission = &admission{entries, answer}
	var few [1]*chat.JoinRequest // most commands ask for one room
	requests := few[:0]
	for _, e := range entries {
		requests = append(requests, e.request(s))
	}
	s.hub.JoinRooms(s.conn, requests, reply, gathered)
	for _, e := range entries {
		if e.Err != nil {
			continue
		}
		s.subs = append(s.subs, e.sub)
		if e.sub.Room.Options.JoinLeave {
			s.spokeIn(e.sub.Room)
		}
	}
}

// admission is the answer to a client that joins rooms. The shard makes it, behind everything that was published before.
type admission struct {
	entries []*entry
	answer  func() []*protocol.Reply // called on the shard if one of the entries has joined
}

// replies returns the answer. Called on the shard, once; budget is of nanoseconds for deltas.
func (a *admission) replies(budget *int) []*protocol.Reply {
	joined := false
	for _, e := range a.entries {
		if e.Err == nil {
			joined = true
			e.result = e.told()
		}
	}
	if !joined {
		return nil
	}
	replies := a.answer()
	for _, e := range a.entries {
		e.tellMissed(budget)
	}
	return replies
}

// told is what the client is told of its subscription, but for what it missed.
func (e *entry) told() *protocol.SubscribeResult {
	return &protocol.SubscribeResult{
		Recoverable:   e.Recoverable,
		Positioned:    e.Positioned,
		Epoch:         e.At.Epoch,
		Offset:        e.At.Offset,
		WasRecovering: e.Recovers,
		Recovered:     e.Recovered,
		Delta:         e.WithDelta,
		Data:          e.data,
		Expires:       e.ttl != 0,
		Ttl:           e.ttl,
	}
}

// tellMissed puts the publications into the answer. Called on the shard, where there is time for it; budget is of nanoseconds for deltas.
func (e *entry) tellMissed(budget *int) {
	var before *chat.Publication
	for i := range e.Missed {
		p := &e.Missed[i]
		if e.WithDelta {
			told := deltaPublication(p, before, encoding(e.DeltaFormat), budget)
			told.Time = p.UnixMilli
			e.result.Publications = append(e.result.Publications, told)
			before = p
		} else {
			e.result.Publications = append(e.result.Publications, pastPublication(p, encoding(e.Format)))
		}
	}
	e.Missed = nil
}
