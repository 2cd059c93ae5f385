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
func (s *Session) request(join *JoinAttempt) *chat.JoinRequest {
	join.sub = &Subscription{
		Membership: chat.Membership{PresenceEntry: chat.PresenceEntry{Info: join.Info}},
		serverSide: join.serverSide,
		byToken:    join.byToken,
		expires:    join.expires,
		tokenID:    join.Token,
	}
	if join.Room.Options == nil {
		join.Room = s.Sessions.RoomRef(join.Requested.Channel)
	}
	join.Actor = s.actor(false, join.withToken)
	join.Actor.Application = join.serverSide
	join.Membership = &join.sub.Membership
	join.Format = fanout.Format(s.Encoding)
	if join.Requested.Delta == "fossil" && !s.Encoding.IsStream() {
		join.DeltaFormat = fanout.Format(s.Encoding + jsonDeltaEncoding - JSONEncoding)
	}
	join.Positioned, join.Recoverable = join.Requested.Positioned, join.Requested.Recoverable
	join.Recover, join.Since = join.Requested.Recover, chat.StreamPosition{Offset: join.Requested.Offset, Epoch: join.Requested.Epoch}
	join.MustRecover = join.Requested.Flag&flagRejectUnrecovered != 0
	join.Repeated = !join.serverSide
	if join.Recover || join.Room.Options.Rewind > 0 {
		join.RecoveryMeter = &s.Usage().Recovered
	}
	return &join.JoinRequest
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
	for _, join := range attempts {
		requests = append(requests, s.request(join))
	}
	s.setWindows(attempts)
	s.Sessions.JoinRooms(s.Conn, requests, reply, gathered)
	for _, join := range attempts {
		if join.Err != nil {
			continue
		}
		s.addSubscription(join)
		if join.sub.Room.Options().JoinLeave {
			s.watchBacklog(join.sub.Room)
		}
	}
	s.shareContext()
}

// subscribeByServer subscribes the session to a room and sends a push to the client. It returns nil if it is a member already. Called on the
// poller.
func (s *Session) subscribeByServer(join *JoinAttempt) *chat.Rejection {
	h, room := s.Sessions, join.Requested.Channel
	switch {
	case s.Find(room) != nil:
		return nil
	case len(s.Subs) >= h.roomLimit():
		return &chat.Rejection{Cause: chat.CauseLimit, Detail: fmt.Sprintf("the connection has %d channels, the maximum (max-rooms)", h.roomLimit())}
	}
	s.Join([]*JoinAttempt{join}, func() []*protocol.Reply { return s.pushesOf(join) })
	if join.Err == nil && join.expires != 0 {
		s.schedule()
	}
	return join.Err
}

// pushesOf returns the subscribe push of a server-side subscription. The push has no field for recovered publications: they follow as pushes.
// Called on the shard.
func (s *Session) pushesOf(join *JoinAttempt) []*protocol.Reply {
	room := join.Requested.Channel
	pushes := []*protocol.Reply{{Push: &protocol.Push{Channel: room, Subscribe: &protocol.Subscribe{
		Recoverable: join.Result.Recoverable,
		Positioned:  join.Result.Positioned,
		Epoch:       join.Result.Epoch,
		Offset:      join.Result.Offset,
		Data:        join.data,
	}}}}
	return append(pushes, s.publicationPushes(join)...)
}

// publicationPushes takes the publications that a client receives with its join, and returns a push for each. Called on the shard.
func (s *Session) publicationPushes(join *JoinAttempt) (pushes []*protocol.Reply) {
	for i := range join.RecoveredPublications {
		pub := TimedPublication(&join.RecoveredPublications[i], s.Encoding)
		pushes = append(pushes, &protocol.Reply{Push: &protocol.Push{Channel: join.Requested.Channel, Pub: pub}})
	}
	join.RecoveredPublications = nil
	return pushes
}
