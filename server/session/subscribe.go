package session

import (
	"slices"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/token"
)

// subscribe puts the session into a room.
func (s *Session) subscribe(id uint32, req *protocol.SubscribeRequest) {
	if !chat.ValidRoomName(req.Channel) || req.Type != 0 || req.Tf != nil {
		s.fail(id, ErrBadRequest)
		return
	}
	if s.Hub.Hooks.crowded(s, OnSubscribe) || s.Hub.Hooks.wants(OnSubscribe) && s.overdrawn() {
		s.refuse(id, ErrTooManyRequests)
		return
	}
	e := &Entry{Wish: req, Info: s.Info}
	if req.Token == "" {
		s.subscribeAs(id, e)
		return
	}
	s.entering = e
	s.subscriptionToken(id, req.Token, req.Channel, errTokenExpired, func(claims token.SubClaims) {
		e.withToken, e.Info, e.data = true, s.InfoIn(claims.Info), AsJSON(claims.Data)
		e.Credential = &chat.Credential{Id: claims.ID, Issued: claims.IssuedAt}
		e.expires = ExpiryOf(claims.Expires)
		e.ttl = Ttl(claims.Expires)
		s.subscribeAs(id, e)
	})
}

// subscribeAs goes on with subscribe when the token, if there is one, is known to be good.
func (s *Session) subscribeAs(id uint32, e *Entry) {
	s.entering = nil
	if e.ended {
		s.fail(id, ErrDenied)
		return
	}
	if err := s.mayEnter(e); err != nil {
		s.refuse(id, err)
		return
	}
	if s.Hub.Hooks.wants(OnSubscribe) {
		s.askSubscribe(id, e)
		return
	}
	s.enterRoom(id, e)
}

// mayEnter says why the session may not enter a room, or nil.
func (s *Session) mayEnter(e *Entry) *protocol.Error {
	e.In = s.Hub.ViewOf(e.Wish.Channel)
	who, in := s.asker(false, e.withToken), e.In
	switch {
	case s.Find(e.Wish.Channel) != nil:
		return ErrAlreadyIn
	case len(s.Subs) >= s.Hub.maxRooms:
		return ErrLimit
	case !s.Hub.Authorize(who, chat.ToSubscribe, in):
		return ErrorOf(s.Hub.Denial(who, chat.ToSubscribe, in))
	}
	return nil
}

// enterRoom makes the session a member of a room that it may enter.
func (s *Session) enterRoom(id uint32, e *Entry) {
	s.Join([]*Entry{e}, func() []*protocol.Reply {
		return []*protocol.Reply{{Id: id, Subscribe: e.Result}}
	})
	if e.Err != nil {
		s.refuse(id, ErrorOf(e.Err))
	}
	if e.expires != 0 {
		s.schedule()
	}
}

// unsubscribe takes the session out of a room. The presence is gone before the answer is sent.
func (s *Session) unsubscribe(id uint32, req *protocol.UnsubscribeRequest) {
	if sub := s.Find(req.Channel); sub != nil {
		s.Leave(sub)
	}
	s.Reply(&protocol.Reply{Id: id, Unsubscribe: &protocol.UnsubscribeResult{}})
}

func (s *Session) asker(inside, token bool) chat.Actor {
	return chat.Actor{User: s.Info.User, Inside: inside, Token: token}
}

// viewOf is a room as the session finds it. Called on the poller.
func (s *Session) viewOf(room string) chat.View {
	if sub := s.Find(room); sub != nil {
		return chat.View{Name: room, Options: sub.Room.Options, Place: &sub.Membership}
	}
	return s.Hub.ViewOf(room)
}

// in is the session as an asker in a room.
func (s *Session) in(p chat.View) chat.Actor {
	return s.asker(p.Place != nil, p.Place != nil && p.Place.WithToken)
}

// endSubscription takes a subscription away from a client, and tells it why.
func (s *Session) endSubscription(sub *Subscription, why ending) {
	name := sub.Room.Name
	s.Leave(sub)
	s.push(&protocol.Push{Channel: name, Unsubscribe: &protocol.Unsubscribe{Code: why.code, Reason: why.text}})
}

// lostPosition ends a subscription that watches for gaps. Called on the poller.
func (s *Session) lostPosition(room string) {
	sub := s.Find(room)
	switch {
	case sub == nil || !sub.Positioned || s.Conn.Closing():
	case sub.serverSide:
		s.dismiss(disconnectInsufficient) // an SDK does not ask again for a room that it was given
	default:
		s.endSubscription(sub, endedInsufficient)
		s.flush()
	}
}

// Leave takes the session out of a room and tells nobody but the others in it.
func (s *Session) Leave(sub *Subscription) {
	i := slices.Index(s.Subs, sub)
	s.Subs = slices.Delete(s.Subs, i, i+1)
	s.Hub.LeaveRoom(&sub.Membership)
	if sub.Room.Options.JoinLeave {
		s.spokeIn(sub.Room)
	}
}

// Entry is a subscription on its way into a room: what was asked for, and what came of it.
type Entry struct {
	chat.JoinRequest

	Wish       *protocol.SubscribeRequest
	serverSide bool
	withToken  bool
	byToken    bool
	ended      bool // the application has taken it out while it was asked about
	Info       *chat.ClientInfo
	data       []byte
	expires    expiry
	ttl        uint32

	sub    *Subscription
	Result *protocol.SubscribeResult // made by the shard
}

const flagRejectUnrecovered = 2 // of subscribe: an error rather than a subscription that has missed something

// request fills in the request for a place in the room.
func (en *Entry) request(s *Session) *chat.JoinRequest {
	en.sub = &Subscription{
		Membership: chat.Membership{Info: en.Info},
		serverSide: en.serverSide,
		byToken:    en.byToken,
		expires:    en.expires,
		credential: en.Credential,
	}
	if en.In.Options == nil {
		en.In = s.Hub.ViewOf(en.Wish.Channel)
	}
	en.Actor = s.asker(false, en.withToken)
	en.Actor.Server = en.serverSide
	en.Place = &en.sub.Membership
	en.Format = fanout.Format(s.Encoding)
	if en.Wish.Delta == "fossil" {
		en.DeltaFormat = fanout.Format(s.Encoding + JsonDeltaEncoding - JsonEncoding)
	}
	en.Positioned, en.Recoverable = en.Wish.Positioned, en.Wish.Recoverable
	en.Recovers, en.Since = en.Wish.Recover, chat.Position{Offset: en.Wish.Offset, Epoch: en.Wish.Epoch}
	en.MustRecover = en.Wish.Flag&flagRejectUnrecovered != 0
	en.Recovery = &s.Recovered
	return &en.JoinRequest
}

// Join makes the session a member of rooms. The reply is what was gathered so far and what answer returns, which is called on the shard
// if one of the entries has joined.
func (s *Session) Join(entries []*Entry, answer func() []*protocol.Reply) {
	reply := s.take()
	gathered := reply != nil
	if !gathered {
		reply = newReplyFrame(s.Encoding)
	}
	reply.Admission = &admission{entries, answer}
	var few [1]*chat.JoinRequest // most commands ask for one room
	requests := few[:0]
	for _, e := range entries {
		requests = append(requests, e.request(s))
	}
	s.Hub.JoinRooms(s.Conn, requests, reply, gathered)
	for _, e := range entries {
		if e.Err != nil {
			continue
		}
		s.Subs = append(s.Subs, e.sub)
		if e.sub.Room.Options.JoinLeave {
			s.spokeIn(e.sub.Room)
		}
	}
}

// admission is the answer to a client that joins rooms. The shard makes it, behind everything that was published before.
type admission struct {
	Entries []*Entry
	answer  func() []*protocol.Reply // called on the shard if one of the entries has joined
}

// replies returns the answer. Called on the shard, once; budget is of nanoseconds for deltas.
func (a *admission) replies(budget *int) []*protocol.Reply {
	joined := false
	for _, e := range a.Entries {
		if e.Err == nil {
			joined = true
			e.Result = e.Told()
		}
	}
	if !joined {
		return nil
	}
	replies := a.answer()
	for _, e := range a.Entries {
		e.tellMissed(budget)
	}
	return replies
}

// Told is what the client is told of its subscription, but for what it missed.
func (en *Entry) Told() *protocol.SubscribeResult {
	return &protocol.SubscribeResult{
		Recoverable:   en.Recoverable,
		Positioned:    en.Positioned,
		Epoch:         en.At.Epoch,
		Offset:        en.At.Offset,
		WasRecovering: en.Recovers,
		Recovered:     en.Recovered,
		Delta:         en.WithDelta,
		Data:          en.data,
		Expires:       en.ttl != 0,
		Ttl:           en.ttl,
	}
}

// tellMissed puts the publications into the answer. Called on the shard, where there is time for it; budget is of nanoseconds for deltas.
func (en *Entry) tellMissed(budget *int) {
	var before *chat.Publication
	for i := range en.Missed {
		p := &en.Missed[i]
		if en.WithDelta {
			told := DeltaPublication(p, before, Encoding(en.DeltaFormat), budget)
			told.Time = p.UnixMilli
			en.Result.Publications = append(en.Result.Publications, told)
			before = p
		} else {
			en.Result.Publications = append(en.Result.Publications, PastPublication(p, Encoding(en.Format)))
		}
	}
	en.Missed = nil
}
