package session

import (
	"fmt"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
)

// How a session joins rooms.

const flagRejectUnrecovered = 2 // of subscribe: return error 112 if the recovery is not complete

// request sets the fields of the join request for the chat.
func (s *Session) request(en *JoinAttempt) *chat.JoinRequest {
	en.sub = &Subscription{
		Membership: chat.Membership{PresenceEntry: chat.PresenceEntry{Info: en.Info}},
		serverSide: en.serverSide,
		byToken:    en.byToken,
		expires:    en.expires,
		tokenID:    en.Token,
	}
	if en.Room.Options == nil {
		en.Room = s.Sessions.RoomRef(en.Requested.Channel)
	}
	en.Actor = s.actor(false, en.withToken)
	en.Actor.Application = en.serverSide
	en.Membership = &en.sub.Membership
	en.Format, en.Window = fanout.Format(s.Encoding), s.window
	if en.Requested.Delta == "fossil" && !s.Encoding.IsStream() {
		en.DeltaFormat = fanout.Format(s.Encoding + jsonDeltaEncoding - JSONEncoding)
	}
	en.Positioned, en.Recoverable = en.Requested.Positioned, en.Requested.Recoverable
	en.Recover, en.Since = en.Requested.Recover, chat.StreamPosition{Offset: en.Requested.Offset, Epoch: en.Requested.Epoch}
	en.MustRecover = en.Requested.Flag&flagRejectUnrecovered != 0
	en.RecoveryMeter = &s.Recovered
	return &en.JoinRequest
}

// Join makes the session a member of rooms. The frame has the replies so far, and those of build. build is called on the shard if at least one
// join succeeded. Called on the poller.
func (s *Session) Join(attempts []*JoinAttempt, build func() []*protocol.Reply) {
	reply := s.take()
	gathered := reply != nil
	if !gathered {
		reply = newReplyFrame(s.Encoding)
	}
	reply.Join = &joinReply{attempts, build}
	var few [1]*chat.JoinRequest // most commands join one room
	requests := few[:0]
	for _, e := range attempts {
		requests = append(requests, s.request(e))
	}
	s.Sessions.JoinRooms(s.Conn, requests, reply, gathered)
	for _, e := range attempts {
		if e.Err != nil {
			continue
		}
		s.Subs = append(s.Subs, e.sub)
		if e.sub.Room.Options.JoinLeave {
			s.watchBacklog(e.sub.Room)
		}
	}
}

// subscribeByServer subscribes the session to a room and sends a push to the client. It returns nil if it is a member already. Called on the
// poller.
func (s *Session) subscribeByServer(e *JoinAttempt) *chat.Rejection {
	h, room := s.Sessions, e.Requested.Channel
	switch {
	case s.Find(room) != nil:
		return nil
	case len(s.Subs) >= h.maxRooms:
		return &chat.Rejection{Cause: chat.CauseLimit, Detail: fmt.Sprintf("the connection has %d channels, the maximum (max-rooms)", h.maxRooms)}
	}
	s.Join([]*JoinAttempt{e}, func() []*protocol.Reply { return s.pushesOf(e) })
	if e.Err == nil && e.expires != 0 {
		s.schedule()
	}
	return e.Err
}

// pushesOf returns the subscribe push of a server-side subscription. The push has no field for recovered publications: they follow as pushes.
// Called on the shard.
func (s *Session) pushesOf(e *JoinAttempt) []*protocol.Reply {
	room := e.Requested.Channel
	pushes := []*protocol.Reply{{Push: &protocol.Push{Channel: room, Subscribe: &protocol.Subscribe{
		Recoverable: e.Result.Recoverable,
		Positioned:  e.Result.Positioned,
		Epoch:       e.Result.Epoch,
		Offset:      e.Result.Offset,
		Data:        e.data,
	}}}}
	for i := range e.RecoveredPublications {
		pushes = append(pushes, &protocol.Reply{Push: &protocol.Push{Channel: room, Pub: fullPublication(&e.RecoveredPublications[i], s.Encoding)}})
	}
	e.RecoveredPublications = nil
	return pushes
}
