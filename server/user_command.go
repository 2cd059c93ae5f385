package server

import (
	"fmt"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// What a session does when the application commands it for connections of its user.

// sessionCommand is a command that a session knows.
type sessionCommand interface {
	chat.UserCommand

	// apply does it to a connection. Called on the connection's poller.
	apply(*session) *chat.Rejection
}

func (s *session) ClientID() string { return s.client }

// Execute does a command on the poller, where the session is still there.
func (s *session) Execute(command chat.UserCommand, done func(*chat.Rejection)) {
	s.poller.Post(func() {
		e := chat.RejectInternal
		defer func() { done(e) }()
		if s.state != connected || s.conn.Closing() {
			// Its close frame may not be posted yet: what is published behind our answer must not come before it.
			s.leaveAll()
			e = nil
			return
		}
		e = s.obey(command)
		s.flush()
	})
}

// obey does a command. Called on the poller.
func (s *session) obey(command chat.UserCommand) *chat.Rejection {
	return command.(sessionCommand).apply(s)
}

// endsConnection says whether a command ends the connection.
func endsConnection(command chat.UserCommand) bool {
	_, is := command.(disconnectUser)
	return is
}

// disconnectUser ends connections.
type disconnectUser struct{ why disconnect }

func (c disconnectUser) Size() int { return len(c.why.text) }

func (c disconnectUser) apply(s *session) *chat.Rejection {
	s.expel(c.why)
	return nil
}

// unsubscribeUser ends subscriptions to a room, also one that the application is still being asked about.
type unsubscribeUser struct {
	room string
	why  ending
}

func (c unsubscribeUser) Size() int { return len(c.room) }

func (c unsubscribeUser) apply(s *session) *chat.Rejection {
	if e := s.entering; e != nil && e.wish.Channel == c.room {
		e.ended = true
	}
	if sub := s.find(c.room); sub != nil {
		s.endSubscription(sub, c.why)
	}
	return nil
}

// subscribeUser puts connections into a room.
type subscribeUser struct {
	room        string
	info        []byte // JSON
	data        []byte
	expires     time.Time // the zero time for never
	since       *spot     // to recover from; nil for no recovery
	recoverable bool
	positioned  bool
}

func (c subscribeUser) Size() int { return len(c.room) + len(c.info) + len(c.data) }

func (c subscribeUser) apply(s *session) *chat.Rejection {
	wish := &protocol.SubscribeRequest{Channel: c.room, Recoverable: c.recoverable, Positioned: c.positioned}
	if c.since != nil {
		wish.Recover, wish.Offset, wish.Epoch = true, c.since.Offset, c.since.Epoch
	}
	return s.subscribeByServer(&entry{
		wish:       wish,
		serverSide: true,
		withToken:  true,
		info:       s.infoIn(c.info),
		data:       c.data,
		expires:    expiryOf(c.expires),
		ttl:        ttl(c.expires),
	})
}

// refreshUser changes when connections expire, and what others see of them.
type refreshUser struct {
	expires time.Time // the zero time for never
	info    []byte    // JSON; nil to leave it
}

func (c refreshUser) Size() int { return len(c.info) }

func (c refreshUser) apply(s *session) *chat.Rejection {
	s.expires = expiryOf(c.expires)
	if len(c.info) > 0 {
		s.show(asJSON(c.info))
	}
	s.push(&protocol.Push{Refresh: &protocol.Refresh{Expires: s.expires != 0, Ttl: ttl(c.expires)}})
	s.schedule()
	return nil
}

// checkRevoked ends the connections and subscriptions that were made by tokens which are revoked now.
type checkRevoked struct{}

func (checkRevoked) Size() int { return 0 }

func (checkRevoked) apply(s *session) *chat.Rejection {
	m := s.hub.Moderation
	if m.Refuses(s.info.User, s.credential) {
		s.expel(disconnectInvalidToken)
		return nil
	}
	for i := len(s.subs) - 1; i >= 0; i-- {
		if sub := s.subs[i]; sub.credential != nil && m.Refuses(s.info.User, *sub.credential) {
			s.endSubscription(sub, endedByRevocation)
		}
	}
	return nil
}

// subscribeByServer puts the session into a room as the application wishes, and tells the client. Called on the poller.
func (s *session) subscribeByServer(e *entry) *chat.Rejection {
	h, room := s.hub, e.wish.Channel
	switch {
	case s.find(room) != nil:
		return nil
	case len(s.subs) >= h.maxRooms:
		return &chat.Rejection{Cause: chat.CauseLimit, Detail: fmt.Sprintf("the connection is in as many channels as it may be: %d (max-rooms)", h.maxRooms)}
	}
	s.join([]*entry{e}, func() []*protocol.Reply { return s.pushesOf(e) })
	if e.Err == nil && e.expires != 0 {
		s.schedule()
	}
	return e.Err
}

// pushesOf tells the client of a room that the application has put it in. The push has no place for the missed publications: they
// follow as pushes of their own. Called on the shard.
func (s *session) pushesOf(e *entry) []*protocol.Reply {
	room := e.wish.Channel
	pushes := []*protocol.Reply{{Push: &protocol.Push{Channel: room, Subscribe: &protocol.Subscribe{
		Recoverable: e.result.Recoverable,
		Positioned:  e.result.Positioned,
		Epoch:       e.result.Epoch,
		Offset:      e.result.Offset,
		Data:        e.data,
	}}}}
	for i := range e.Missed {
		pushes = append(pushes, &protocol.Reply{Push: &protocol.Push{Channel: room, Pub: fullPublication(&e.Missed[i], s.encoding)}})
	}
	e.Missed = nil
	return pushes
}

// beginAsking is when the session's token is verified, or the application asked whether it may connect. Called on the poller.
func (s *session) beginAsking() {
	if s.asking == nil {
		since := s.hub.BeginAsking()
		s.asking = &since
	}
}

// endAsking is when it has answered, or the connection is closed. Called on the poller.
func (s *session) endAsking() {
	if s.asking != nil {
		s.asking = nil
		s.hub.EndAsking()
	}
}

// spot is where a publication came to stand; nothing where there is no history.
type spot struct {
	Offset uint64 `json:"offset,omitempty"`
	Epoch  string `json:"epoch,omitempty"`
}
