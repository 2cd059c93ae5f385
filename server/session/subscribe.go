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
	join := &JoinAttempt{Requested: req, Info: s.Info()}
	if req.Token == "" {
		s.continueSubscribe(id, join)
		return
	}
	s.pendingJoin = join
	s.subscriptionToken(id, req.Token, req.Channel, func(claims token.SubClaims) {
		join.withToken, join.Info, join.data = true, s.InfoIn(claims.Info), AsJSON(claims.Data)
		join.Token = &chat.TokenIdentity{ID: claims.ID, IssuedAt: claims.IssuedAt}
		join.expires = expiryOf(claims.Expires)
		join.ttl = ttl(claims.Expires)
		s.continueSubscribe(id, join)
	})
}

// continueSubscribe continues subscribe after the token, if any, was verified.
func (s *Session) continueSubscribe(id uint32, join *JoinAttempt) {
	s.pendingJoin = nil
	if err := s.checkJoin(join); err != nil {
		s.reject(id, err)
		return
	}
	if s.Sessions.Hooks.wants(OnSubscribe) {
		s.proxySubscribe(id, join)
		return
	}
	s.joinRoom(id, join)
}

// checkJoin returns the error of a session that may not join a room; nil if it may.
func (s *Session) checkJoin(join *JoinAttempt) *protocol.Error {
	if join.Room.Options == nil {
		join.Room = s.Sessions.RoomRef(join.Requested.Channel)
	}
	actor, in := s.actor(false, join.withToken), join.Room
	switch {
	case join.ended:
		return ErrDenied
	case s.Find(join.Requested.Channel) != nil:
		return ErrAlreadySubscribed
	case len(s.Subs) >= s.Sessions.roomLimit():
		return ErrLimit
	case !s.Sessions.Authorize(actor, chat.ToSubscribe, in):
		return ErrorOf(s.Sessions.Denial(actor, chat.ToSubscribe, in))
	}
	return nil
}

// joinRoom joins a room after checkJoin, and replies.
func (s *Session) joinRoom(id uint32, join *JoinAttempt) {
	s.Join([]*JoinAttempt{join}, func() []*protocol.Reply {
		return []*protocol.Reply{{Id: id, Subscribe: join.Result}}
	})
	if join.Err != nil {
		s.reject(id, ErrorOf(join.Err))
	}
	if join.expires != 0 {
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
func (s *Session) proxySubscribe(id uint32, join *JoinAttempt) {
	r := s.proxyRequest(OnSubscribe)
	r.Channel, r.Token, r.Data = join.Requested.Channel, join.Requested.Token, join.Requested.Data
	s.pendingJoin = join
	s.proxy(r, func(a *webhook.Reply) {
		s.pendingJoin = nil
		// Membership and sanctions may have changed since.
		if err := s.checkJoin(join); err != nil {
			s.reject(id, err)
			return
		}
		join.Info = s.InfoIn(join.Info.ChanInfo)
		if a.Info != nil {
			join.Info = s.InfoIn(a.Info)
		}
		if a.Data != nil {
			s.chargeBulk(len(a.Data))
			join.data = AsJSON(a.Data)
		}
		if !a.ExpireAt.IsZero() {
			join.expires = expiryOf(a.ExpireAt)
			if join.withToken {
				join.ttl = ttl(a.ExpireAt)
			}
		}
		s.joinRoom(id, join)
	}, func(err *protocol.Error) {
		s.pendingJoin = nil
		s.reject(id, err)
	})
}
