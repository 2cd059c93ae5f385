package session

import (
	"slices"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// What a session does in the rooms that it is in.

// Find is the subscription to a room, nil for none.
func (s *Session) Find(room string) *Subscription {
	for _, sub := range s.Subs {
		if sub.Room.Name == room {
			return sub
		}
	}
	return nil
}

// viewOf is a room as the session finds it. Called on the poller.
func (s *Session) viewOf(room string) chat.View {
	if sub := s.Find(room); sub != nil {
		return chat.View{Name: room, Options: sub.Room.Options, Place: &sub.Membership}
	}
	return s.Hub.ViewOf(room)
}

// viewAgain returns a view with the membership of now. The options of a room never change. Called on the poller.
func (s *Session) viewAgain(v chat.View) chat.View {
	v.Place = nil
	if sub := s.Find(v.Name); sub != nil {
		v.Place = &sub.Membership
	}
	return v
}

// in is the session as an asker in a room.
func (s *Session) in(p chat.View) chat.Actor {
	return s.asker(p.Place != nil, p.Place != nil && p.Place.WithToken)
}

func (s *Session) asker(inside, token bool) chat.Actor {
	return chat.Actor{User: s.Info.User, Inside: inside, Token: token}
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

func (s *Session) leaveAll() {
	for len(s.Subs) > 0 {
		s.Leave(s.Subs[len(s.Subs)-1])
	}
}

// spokeIn has the session wait for a room that is behind. If it waits for one already it goes on with that.
func (s *Session) spokeIn(r *chat.Room) {
	if s.talksIn == nil || !s.talksIn.OverLimit() {
		s.talksIn = r
	}
}
