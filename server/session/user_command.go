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

func (c UnsubscribeUser) Size() int { return len(c.Room) }

func (c UnsubscribeUser) Apply(s *Session) *chat.Rejection {
	if e := s.entering; e != nil && e.Wish.Channel == c.Room {
		e.ended = true
	}
	if sub := s.Find(c.Room); sub != nil {
		s.endSubscription(sub, c.Why)
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

func (c SubscribeUser) Size() int { return len(c.Room) + len(c.Info) + len(c.Data) }

func (c SubscribeUser) Apply(s *Session) *chat.Rejection {
	wish := &protocol.SubscribeRequest{Channel: c.Room, Recoverable: c.Recoverable, Positioned: c.Positioned}
	if c.Since != nil {
		wish.Recover, wish.Offset, wish.Epoch = true, c.Since.Offset, c.Since.Epoch
	}
	return s.subscribeByServer(&Entry{
		Wish:       wish,
		serverSide: true,
		withToken:  true,
		Info:       s.InfoIn(c.Info),
		data:       c.Data,
		expires:    ExpiryOf(c.Expires),
		ttl:        Ttl(c.Expires),
	})
}

// RefreshUser changes when connections expire, and what others see of them.
type RefreshUser struct {
	Expires time.Time // the zero time for never
	Info    []byte    // JSON; nil to leave it
}

func (c RefreshUser) Size() int { return len(c.Info) }

func (c RefreshUser) Apply(s *Session) *chat.Rejection {
	s.expires = ExpiryOf(c.Expires)
	if len(c.Info) > 0 {
		s.show(AsJSON(c.Info))
	}
	s.push(&protocol.Push{Refresh: &protocol.Refresh{Expires: s.expires != 0, Ttl: Ttl(c.Expires)}})
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
