package session

import (
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// What a session does when the application commands it for connections of its user.

// sessionCommand is a command that a session knows.
type sessionCommand interface {
	chat.UserCommand

	// apply does it to a connection. Called on the connection's poller.
	apply(*Session) *chat.Rejection
}

func (s *Session) ClientID() string { return s.Client }

// Execute does a command on the poller, where the session is still there.
func (s *Session) Execute(command chat.UserCommand, done func(*chat.Rejection)) {
	s.Poller.Post(func() {
		e := chat.RejectInternal
		defer func() { done(e) }()
		if s.State != Connected || s.Conn.Closing() {
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
func (s *Session) obey(command chat.UserCommand) *chat.Rejection {
	return command.(sessionCommand).apply(s)
}

// endsConnection says whether a command ends the connection.
func endsConnection(command chat.UserCommand) bool {
	_, is := command.(DisconnectUser)
	return is
}

// DisconnectUser ends connections.
type DisconnectUser struct{ Why disconnect }

func (c DisconnectUser) Size() int { return len(c.Why.Text) }

func (c DisconnectUser) apply(s *Session) *chat.Rejection {
	s.expel(c.Why)
	return nil
}

// expel ends the connection, and takes it out of its rooms at once, not when its client has answered. Called on the poller.
func (s *Session) expel(d disconnect) {
	s.Disconnect(d)
	s.leaveAll()
}

// UnsubscribeUser ends subscriptions to a room, also one that the application is still being asked about.
type UnsubscribeUser struct {
	Room string
	Why  ending
}

func (uu UnsubscribeUser) Size() int { return len(uu.Room) }

func (uu UnsubscribeUser) apply(s *Session) *chat.Rejection {
	if e := s.entering; e != nil && e.Wish.Channel == uu.Room {
		e.ended = true
	}
	if sub := s.Find(uu.Room); sub != nil {
		s.endSubscription(sub, uu.Why)
	}
	return nil
}

// SubscribeUser puts connections into a room.
type SubscribeUser struct {
	Room        string
	Info        []byte // JSON
	Data        []byte
	Expires     time.Time // the zero time for never
	Since       *Spot     // to recover from; nil for no recovery
	Recoverable bool
	Positioned  bool
}

func (su SubscribeUser) Size() int { return len(su.Room) + len(su.Info) + len(su.Data) }

func (su SubscribeUser) apply(s *Session) *chat.Rejection {
	wish := &protocol.SubscribeRequest{Channel: su.Room, Recoverable: su.Recoverable, Positioned: su.Positioned}
	if su.Since != nil {
		wish.Recover, wish.Offset, wish.Epoch = true, su.Since.Offset, su.Since.Epoch
	}
	return s.subscribeByServer(&Entry{
		Wish:       wish,
		serverSide: true,
		withToken:  true,
		Info:       s.InfoIn(su.Info),
		data:       su.Data,
		expires:    ExpiryOf(su.Expires),
		ttl:        Ttl(su.Expires),
	})
}

// RefreshUser changes when connections expire, and what others see of them.
type RefreshUser struct {
	Expires time.Time // the zero time for never
	Info    []byte    // JSON; nil to leave it
}

func (ru RefreshUser) Size() int { return len(ru.Info) }

func (ru RefreshUser) apply(s *Session) *chat.Rejection {
	s.expires = ExpiryOf(ru.Expires)
	if len(ru.Info) > 0 {
		s.show(AsJSON(ru.Info))
	}
	s.push(&protocol.Push{Refresh: &protocol.Refresh{Expires: s.expires != 0, Ttl: Ttl(ru.Expires)}})
	s.schedule()
	return nil
}

// CheckRevoked ends the connections and subscriptions that were made by tokens which are revoked now.
type CheckRevoked struct{}

func (CheckRevoked) Size() int { return 0 }

func (CheckRevoked) apply(s *Session) *chat.Rejection {
	m := s.Hub.Moderation
	if m.Refuses(s.Info.User, s.credential) {
		s.expel(disconnectInvalidToken)
		return nil
	}
	for i := len(s.Subs) - 1; i >= 0; i-- {
		if sub := s.Subs[i]; sub.credential != nil && m.Refuses(s.Info.User, *sub.credential) {
			s.endSubscription(sub, endedByRevocation)
		}
	}
	return nil
}

// Spot is where a publication came to stand; nothing where there is no history.
type Spot struct {
	Offset uint64 `json:"offset,omitempty"`
	Epoch  string `json:"epoch,omitempty"`
}
