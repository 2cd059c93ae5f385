package session

import (
	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/webhook"
)

// subscribe handles the command subscribe.
func (s *Session) subscribe(id uint32, req *protocol.SubscribeRequest) {
	if !chat.ValidRoomName(req.Channel) || req.Type != 0 || req.Tf != nil {
		s.fail(id, ErrBadRequest)
		return
	}
	if s.proxyQueueFull(OnSubscribe) || s.Sessions.Hooks.wants(OnSubscribe) && s.overBulkRate() {
		s.reject(id, ErrTooManyRequests)
		return
	}
	e := &JoinAttempt{Requested: req, Info: s.Info}
	if req.Token == "" {
		s.continueSubscribe(id, e)
		return
	}
	s.pendingJoin = e
	s.subscriptionToken(id, req.Token, req.Channel, errTokenExpired, func(claims token.SubClaims) {
		e.withToken, e.Info, e.data = true, s.InfoIn(claims.Info), AsJSON(claims.Data)
		e.Token = &chat.TokenIdentity{ID: claims.ID, IssuedAt: claims.IssuedAt}
		e.expires = expiryOf(claims.Expires)
		e.ttl = ttl(claims.Expires)
		s.continueSubscribe(id, e)
	})
}

// continueSubscribe continues subscribe after the token, if any, was verified.
func (s *Session) continueSubscribe(id uint32, e *JoinAttempt) {
	s.pendingJoin = nil
	if err := s.checkJoin(e); err != nil {
		s.reject(id, err)
		return
	}
	if s.Sessions.Hooks.wants(OnSubscribe) {
		s.proxySubscribe(id, e)
		return
	}
	s.joinRoom(id, e)
}

// checkJoin returns the error of a session that may not join a room; nil if it may.
func (s *Session) checkJoin(e *JoinAttempt) *protocol.Error {
	if e.Room.Options == nil {
		e.Room = s.Sessions.RoomRef(e.Requested.Channel)
	}
	actor, in := s.actor(false, e.withToken), e.Room
	switch {
	case e.ended:
		return ErrDenied
	case s.Find(e.Requested.Channel) != nil:
		return ErrAlreadySubscribed
	case len(s.Subs) >= s.Sessions.maxRooms:
		return ErrLimit
	case !s.Sessions.Authorize(actor, chat.ToSubscribe, in):
		return ErrorOf(s.Sessions.Denial(actor, chat.ToSubscribe, in))
	}
	return nil
}

// joinRoom joins a room after checkJoin, and replies.
func (s *Session) joinRoom(id uint32, e *JoinAttempt) {
	s.Join([]*JoinAttempt{e}, func() []*protocol.Reply {
		return []*protocol.Reply{{Id: id, Subscribe: e.Result}}
	})
	if e.Err != nil {
		s.reject(id, ErrorOf(e.Err))
	}
	if e.expires != 0 {
		s.schedule()
	}
}

// unsubscribe handles the command unsubscribe. The presence is updated before the reply is sent.
func (s *Session) unsubscribe(id uint32, req *protocol.UnsubscribeRequest) {
	if sub := s.Find(req.Channel); sub != nil {
		s.Leave(sub)
	}
	s.Reply(&protocol.Reply{Id: id, Unsubscribe: &protocol.UnsubscribeResult{}})
}

// proxySubscribe requests the decision of the application about a permitted subscription.
func (s *Session) proxySubscribe(id uint32, e *JoinAttempt) {
	r := s.proxyRequest(OnSubscribe)
	r.Channel, r.Token, r.Data = e.Requested.Channel, e.Requested.Token, e.Requested.Data
	s.pendingJoin = e
	s.proxy(r, func(a *webhook.Reply) {
		s.pendingJoin = nil
		// Membership and sanctions may have changed since.
		if err := s.checkJoin(e); err != nil {
			s.reject(id, err)
			return
		}
		e.Info = s.InfoIn(e.Info.ChanInfo)
		if a.Info != nil {
			e.Info = s.InfoIn(a.Info)
		}
		if a.Data != nil {
			s.chargeBulk(len(a.Data))
			e.data = AsJSON(a.Data)
		}
		if !a.ExpireAt.IsZero() {
			e.expires = expiryOf(a.ExpireAt)
			if e.withToken {
				e.ttl = ttl(a.ExpireAt)
			}
		}
		s.joinRoom(id, e)
	}, func(err *protocol.Error) {
		s.pendingJoin = nil
		s.reject(id, err)
	})
}
