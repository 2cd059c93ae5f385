package session

import (
	"fmt"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
)

// How a session becomes a member of rooms.

const flagRejectUnrecovered = 2 // of subscribe: an error rather than a subscription that has missed something

// request fills in the request for a place in the room.
func (s *Session) request(en *Entry) *chat.JoinRequest {
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
		requests = append(requests, s.request(e))
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

// subscribeByServer puts the session into a room as the application wishes, and tells the client. Called on the poller.
func (s *Session) subscribeByServer(e *Entry) *chat.Rejection {
	h, room := s.Hub, e.Wish.Channel
	switch {
	case s.Find(room) != nil:
		return nil
	case len(s.Subs) >= h.maxRooms:
		return &chat.Rejection{Cause: chat.CauseLimit, Detail: fmt.Sprintf("the connection is in as many channels as it may be: %d (max-rooms)", h.maxRooms)}
	}
	s.Join([]*Entry{e}, func() []*protocol.Reply { return s.pushesOf(e) })
	if e.Err == nil && e.expires != 0 {
		s.schedule()
	}
	return e.Err
}

// pushesOf tells the client of a room that the application has put it in. The push has no place for the missed publications: they
// follow as pushes of their own. Called on the shard.
func (s *Session) pushesOf(e *Entry) []*protocol.Reply {
	room := e.Wish.Channel
	pushes := []*protocol.Reply{{Push: &protocol.Push{Channel: room, Subscribe: &protocol.Subscribe{
		Recoverable: e.Result.Recoverable,
		Positioned:  e.Result.Positioned,
		Epoch:       e.Result.Epoch,
		Offset:      e.Result.Offset,
		Data:        e.data,
	}}}}
	for i := range e.Missed {
		pushes = append(pushes, &protocol.Reply{Push: &protocol.Push{Channel: room, Pub: fullPublication(&e.Missed[i], s.Encoding)}})
	}
	e.Missed = nil
	return pushes
}
