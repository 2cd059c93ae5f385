package session

import (
	"errors"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/token"
)

// The commands that replace a token.

// refresh handles the command refresh: a new connection token.
func (s *Session) refresh(id uint32, req *protocol.RefreshRequest) {
	checkToken(s, req.Token, s.Sessions.Tokens.Connect, func(claims token.Claims, err error) {
		switch {
		case errors.Is(err, token.ErrExpired):
			// Not a temporary error: the SDK for Go (0.12.1) may stop for ever at one.
			s.flushAndDisconnect(disconnectExpired)
		case err != nil:
			s.rejectToken(id, err)
		default:
			s.finishRefresh(id, claims)
		}
	})
}

// finishRefresh continues refresh after the token was verified.
func (s *Session) finishRefresh(id uint32, claims token.Claims) {
	if claims.User != s.kept().user {
		s.flushAndDisconnect(disconnectInvalidToken)
		return
	}
	rooms := s.grantsByToken(claims)
	if s.tooMany(id, claims.User, s.roomsAfter(rooms)) || !s.checkSanctions(claims) {
		return
	}
	s.expires = expiryOf(claims.Expires)
	if claims.Meta != nil {
		s.keepMeta(claims.Meta)
	}
	if claims.Info != nil {
		s.setInfo(AsJSON(claims.Info))
	}
	joins := s.regrant(rooms)
	s.Reply(&protocol.Reply{Id: id, Refresh: &protocol.RefreshResult{
		Client:  s.ClientID(),
		Version: ServerVersion,
		Expires: s.expires != 0,
		Ttl:     ttl(claims.Expires),
	}})
	for i := range joins {
		if e := s.subscribeByServer(s.joinOf(&joins[i], nil)); e != nil {
			s.notJoined(&joins[i], e)
		}
	}
	s.schedule()
}

// subRefresh handles the command sub_refresh: a new subscription token.
func (s *Session) subRefresh(id uint32, req *protocol.SubRefreshRequest) {
	sub := s.Find(req.Channel)
	if sub == nil || req.Type != 0 {
		s.fail(id, ErrDenied)
		return
	}
	s.subscriptionToken(id, req.Token, req.Channel, func(claims token.SubClaims) {
		// The subscription may have ended while the token was verified.
		if sub := s.Find(req.Channel); sub != nil {
			s.finishSubRefresh(id, sub, claims)
		} else {
			s.fail(id, ErrDenied)
		}
	})
}

// finishSubRefresh continues subRefresh after the token was verified.
func (s *Session) finishSubRefresh(id uint32, sub *Subscription, claims token.SubClaims) {
	sub.expires = expiryOf(claims.Expires)
	sub.tokenID = &chat.TokenIdentity{ID: claims.ID, IssuedAt: claims.IssuedAt}
	if claims.Info != nil {
		s.setInfoIn(sub, claims.Info)
	}
	s.Reply(&protocol.Reply{Id: id, SubRefresh: &protocol.SubRefreshResult{
		Expires: sub.expires != 0,
		Ttl:     ttl(claims.Expires),
	}})
	s.schedule()
}
