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
	if s.proxyQueueFull(OnSubscribe) || s.Hub.Hooks.wants(OnSubscribe) && s.overBulkRate() {
		s.reject(id, ErrTooManyRequests)
		return
	}
	e := &Entry{Wish: req, Info: s.Info}
	if req.Token == "" {
		s.subscribeAs(id, e)
		return
	}
	s.entering = e
	s.subscriptionToken(id, req.Token, req.Channel, errTokenExpired, func(claims token.SubClaims) {
		e.withToken, e.Info, e.data = true, s.InfoIn(claims.Info), AsJSON(claims.Data)
		e.Token = &chat.TokenIdentity{ID: claims.ID, IssuedAt: claims.IssuedAt}
		e.expires = ExpiryOf(claims.Expires)
		e.ttl = TTL(claims.Expires)
		s.subscribeAs(id, e)
	})
}

// continueSubscribe continues subscribe after the token, if any, was verified.
func (s *Session) subscribeAs(id uint32, e *Entry) {
	s.entering = nil
	if err := s.mayEnter(e); err != nil {
		s.reject(id, err)
		return
	}
	if s.Hub.Hooks.wants(OnSubscribe) {
		s.proxySubscribe(id, e)
		return
	}
	s.enterRoom(id, e)
}

// checkJoin returns the error of a session that may not join a room; nil if it may.
func (s *Session) mayEnter(e *Entry) *protocol.Error {
	if e.Room.Options == nil {
		e.Room = s.Hub.RoomRef(e.Wish.Channel)
	}
	who, in := s.asker(false, e.withToken), e.Room
	switch {
	case e.ended:
		return ErrDenied
	case s.Find(e.Wish.Channel) != nil:
		return ErrAlreadySubscribed
	case len(s.Subs) >= s.Hub.maxRooms:
		return ErrLimit
	case !s.Hub.Authorize(who, chat.ToSubscribe, in):
		return ErrorOf(s.Hub.Denial(who, chat.ToSubscribe, in))
	}
	return nil
}

// joinRoom joins a room after checkJoin, and replies.
func (s *Session) enterRoom(id uint32, e *Entry) {
	s.Join([]*Entry{e}, func() []*protocol.Reply {
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
func (s *Session) proxySubscribe(id uint32, e *Entry) {
	r := s.proxyRequest(OnSubscribe)
	r.Channel, r.Token, r.Data = e.Wish.Channel, e.Wish.Token, e.Wish.Data
	s.entering = e
	s.proxy(r, func(a *webhook.Reply) {
		s.entering = nil
		// Membership and sanctions may have changed since.
		if err := s.mayEnter(e); err != nil {
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
			e.expires = ExpiryOf(a.ExpireAt)
			if e.withToken {
				e.ttl = TTL(a.ExpireAt)
			}
		}
		s.enterRoom(id, e)
	}, func(err *protocol.Error) {
		s.entering = nil
		s.reject(id, err)
	})
}
