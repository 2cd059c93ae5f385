package session

import (
	"slices"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// The rooms of a session.

// Find returns the subscription to a room; nil for none.
func (s *Session) Find(room string) *Subscription {
	for _, sub := range s.Subs {
		if sub.Room.Name == room {
			return sub
		}
	}
	return nil
}

// roomRef returns the reference to a room: from the membership if there is one, else by one look-up of the options. Called on the poller.
func (s *Session) roomRef(room string) chat.RoomRef {
	if sub := s.Find(room); sub != nil {
		return chat.RoomRef{Name: room, Options: sub.Room.Options(), Membership: &sub.Membership}
	}
	return s.Sessions.RoomRef(room)
}

// refreshRef returns a reference with the membership of now. The chat replaces options from before a reload. Called on the poller.
func (s *Session) refreshRef(ref chat.RoomRef) chat.RoomRef {
	ref.Membership = nil
	if sub := s.Find(ref.Name); sub != nil {
		ref.Membership = &sub.Membership
	}
	return ref
}

// actorIn returns the session as an actor in a room.
func (s *Session) actorIn(ref chat.RoomRef) chat.Actor {
	return s.actor(ref.Membership != nil, ref.Membership != nil && ref.Membership.WithToken)
}

func (s *Session) actor(inside, token bool) chat.Actor {
	return chat.Actor{User: s.userID(), Member: inside, Token: token}
}

// endSubscription ends a subscription and sends an unsubscribe push to the client.
func (s *Session) endSubscription(sub *Subscription, why unsubscribeReason) {
	name := sub.Room.Name
	s.Leave(sub)
	s.push(&protocol.Push{Channel: name, Unsubscribe: &protocol.Unsubscribe{Code: why.code, Reason: why.text}})
}

// lostPosition ends a positioned subscription after a gap. Called on the poller.
func (s *Session) lostPosition(room string) {
	sub := s.Find(room)
	switch {
	case sub == nil || !sub.Positioned || s.Conn.Closing():
	case sub.serverSide:
		s.flushAndDisconnect(disconnectInsufficient) // an SDK does not repeat a server-side subscription
	default:
		s.endSubscription(sub, unsubscribedInsufficient)
		s.flush()
	}
}

// Leave ends the membership in a room. It sends nothing to the client itself.
func (s *Session) Leave(sub *Subscription) {
	s.leave(sub)
	s.shareContext()
}

func (s *Session) leave(sub *Subscription) {
	i := slices.Index(s.Subs, sub)
	s.Subs = slices.Delete(s.Subs, i, i+1)
	s.Sessions.LeaveRoom(&sub.Membership)
	if sub.Room.Options().JoinLeave {
		s.watchBacklog(sub.Room)
	}
}

func (s *Session) leaveAll() {
	for len(s.Subs) > 0 {
		s.leave(s.Subs[len(s.Subs)-1])
	}
}

// ListPresence lists the session in the presence of a room, if it is a member. Any goroutine may call it.
func (s *Session) ListPresence(r *chat.Room) {
	s.Conn.Poller().Post(func() {
		if sub := s.Find(r.Name); sub != nil && sub.Room == r {
			s.Sessions.AddPresence(&sub.Membership)
		}
	})
}

// watchBacklog notes the room whose backlog stops the reading from the client. It keeps the previous room while that one is over its limit.
func (s *Session) watchBacklog(r *chat.Room) {
	if s.publishRoom == nil || !s.publishRoom.OverLimit() {
		s.publishRoom = r
	}
}
