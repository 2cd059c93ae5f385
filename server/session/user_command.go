package session

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/ws"
)

// How a session applies the commands of the application on the connections of its user (chat/user_command.go). They are data: the codes and
// texts of the protocol are added here.

// Execute applies a command on the poller, if the session is connected, and then calls done with the rejection, nil for none. Any goroutine may call
// it; it does not block.
func (s *Session) Execute(command chat.UserCommand, done func(*chat.Rejection)) {
	s.Conn.Poller().Post(func() {
		e := chat.RejectInternal
		defer func() { done(e) }()
		if s.State != Connected || s.Conn.Closing() {
			// The close frame may not be posted yet: a publication after the reply to the application must not precede it.
			s.leaveAll()
			e = nil
			return
		}
		e = s.apply(command)
		s.flush()
	})
}

// apply applies a command. It returns chat.RejectInternal for a command that it does not know. Called on the poller.
func (s *Session) apply(command chat.UserCommand) *chat.Rejection {
	switch c := command.(type) {
	case chat.Disconnect:
		s.disconnectAtOnce(s.disconnectFor(c))
	case chat.Unsubscribe:
		s.applyUnsubscribe(c)
	case chat.Subscribe:
		return s.applySubscribe(c)
	case chat.Refresh:
		s.applyRefresh(c)
	case chat.Send:
		s.pushToUser(c.Data)
	case chat.EndRevoked:
		s.endRevoked()
	default:
		return chat.RejectInternal
	}
	return nil
}

// endsConnection reports whether a command ends the connection.
func endsConnection(command chat.UserCommand) bool {
	_, is := command.(chat.Disconnect)
	return is
}

// disconnectFor returns the close code and text of a command.
func (s *Session) disconnectFor(c chat.Disconnect) disconnect {
	d := DisconnectForced
	switch c.Cause {
	case chat.EndedByBan:
		d = s.disconnectForBan()
	case chat.EndedByExpiry:
		d = disconnectExpired
	case chat.EndedByLimit:
		d = disconnectTooManyOfUser
	}
	if c.Code != 0 {
		d.code = ws.CloseCode(c.Code)
	}
	if c.Code != 0 || c.Reason != "" {
		d.text = c.Reason
	}
	return d
}

// disconnectForBan returns the close code and text of a user that is banned from all rooms. A close frame has as much of the text as
// it can have, the end of an HTTP stream has all.
func (s *Session) disconnectForBan() disconnect {
	d := disconnectBanned
	d.text = s.Sessions.Moderation.BanText(s.userID(), "")
	return d
}

// unsubscribeReasonFor returns the unsubscribe code and text of a command.
func (s *Session) unsubscribeReasonFor(c chat.Unsubscribe) unsubscribeReason {
	switch c.Cause {
	case chat.EndedByKick:
		return unsubscribedByKick
	case chat.EndedByBan:
		why := unsubscribedByBan
		why.text = s.Sessions.Moderation.BanText(s.userID(), c.Room)
		return why
	case chat.EndedByRemoval:
		return unsubscribedByRemoval
	case chat.EndedByDeletion:
		return unsubscribedByDeletion
	}
	return unsubscribedByServer
}

// disconnectAtOnce closes the connection and leaves its rooms at once, not after the close frame of the client. Called on the poller.
func (s *Session) disconnectAtOnce(d disconnect) {
	s.Disconnect(d)
	s.leaveAll()
}

// applyUnsubscribe ends the subscriptions to a room and to its room for typing. It also rejects one that waits for the application.
func (s *Session) applyUnsubscribe(c chat.Unsubscribe) {
	for _, room := range [...]string{c.Room, chat.TypingRoom(c.Room)} {
		if join := s.pendingJoin; join != nil && join.Requested.Channel == room {
			join.ended = true
		}
		if sub := s.Find(room); sub != nil {
			s.endSubscription(sub, s.unsubscribeReasonFor(c))
		}
	}
}

func (s *Session) applySubscribe(c chat.Subscribe) *chat.Rejection {
	requested := &protocol.SubscribeRequest{Channel: c.Room, Recoverable: c.Recoverable, Positioned: c.Positioned}
	if c.Since != nil {
		requested.Recover, requested.Offset, requested.Epoch = true, c.Since.Offset, c.Since.Epoch
	}
	return s.subscribeByServer(&JoinAttempt{
		Requested:  requested,
		serverSide: true,
		withToken:  true,
		Info:       s.InfoIn(c.Info),
		data:       c.Data,
		expires:    expiryOf(c.Expires),
		ttl:        ttl(c.Expires),
	})
}

func (s *Session) applyRefresh(c chat.Refresh) {
	s.expires = expiryOf(c.Expires)
	if len(c.Info) > 0 {
		s.setInfo(AsJSON(c.Info))
	}
	s.push(&protocol.Push{Refresh: &protocol.Refresh{Expires: s.expires != 0, Ttl: ttl(c.Expires)}})
	s.schedule()
}

// endRevoked ends the connection, or those of its subscriptions, whose token is revoked.
func (s *Session) endRevoked() {
	m := s.Sessions.Moderation
	if m.IsRevoked(s.userID(), s.kept().identity) {
		s.disconnectAtOnce(disconnectInvalidToken)
		return
	}
	for i := len(s.Subs) - 1; i >= 0; i-- {
		if sub := s.Subs[i]; sub.tokenID != nil && m.IsRevoked(s.userID(), *sub.tokenID) {
			s.endSubscription(sub, unsubscribedByRevocation)
		}
	}
}
