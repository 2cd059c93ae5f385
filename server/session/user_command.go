package session

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

	// Apply does it to a connection. Called on the connection's poller.
	Apply(*Session) *chat.Rejection
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
	return command.(sessionCommand).Apply(s)
}

// endsConnection says whether a command ends the connection.
func endsConnection(command chat.UserCommand) bool {
	_, is := command.(DisconnectUser)
	return is
}

// DisconnectUser ends connections.
type DisconnectUser struct{ Why disconnect }

func (c DisconnectUser) Size() int { return len(c.Why.Text) }

func (c DisconnectUser) Apply(s *Session) *chat.Rejection {
	s.expel(c.Why)
	return nil
}

// UnsubscribeUser ends subscriptions to a room, also one that the application is still being asked about.
type UnsubscribeUser struct {
	Room string
	Why  ending
}

func (uu UnsubscribeUser) Size() int { return len(uu.Room) }

func (uu UnsubscribeUser) Apply(s *Session) *chat.Rejection {
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

func (su SubscribeUser) Apply(s *Session) *chat.Rejection {
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

func (ru RefreshUser) Apply(s *Session) *chat.Rejection {
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

func (CheckRevoked) Apply(s *Session) *chat.Rejection {
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

// beginAsking is when the session's token is verified, or the application asked whether it may connect. Called on the poller.
func (s *Session) beginAsking() {
	if s.asking == nil {
		since := s.Hub.BeginAsking()
		s.asking = &since
	}
}

// endAsking is when it has answered, or the connection is closed. Called on the poller.
func (s *Session) endAsking() {
	if s.asking != nil {
		s.asking = nil
		s.Hub.EndAsking()
	}
}

// Spot is where a publication came to stand; nothing where there is no history.
type Spot struct {
	Offset uint64 `json:"offset,omitempty"`
	Epoch  string `json:"epoch,omitempty"`
}
