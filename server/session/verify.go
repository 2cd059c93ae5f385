package session

import (
	"errors"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/token"
)

// The verification of tokens, and the replies to clients with rejected tokens.

// errVerifying is the error of a token that is not verified, because too many wait for the workers.
var errVerifying = errors.New("too many tokens are being verified")

// checkToken verifies a token with check, then calls then with the result: at once, or, for a signature that takes milliseconds, after a worker has
// verified it. Meanwhile the next command of the client waits. checkToken and then run on the poller. then is not called if the connection
// ends before.
func checkToken[C any](s *Session, text string, check func(text string, now time.Time) (C, error), then func(C, error)) {
	if !s.Sessions.Tokens.Slow(text) {
		claims, err := check(text, time.Now())
		then(claims, err)
		return
	}
	if s.State == opened {
		s.beginAdmission() // a command of the application may be for its user
	}
	s.Await(s.Sessions.Verifiers, func() func() {
		claims, err := check(text, time.Now())
		return func() { then(claims, err) }
	}, func() {
		var none C
		then(none, errVerifying)
	})
}

// rejectToken replies to a rejected connection token.
func (s *Session) rejectToken(id uint32, err error) {
	switch {
	case errors.Is(err, token.ErrExpired):
		s.fail(id, errTokenExpired)
	case errors.Is(err, token.ErrKeysNotLoaded):
		s.fail(id, errInternal)
	case errors.Is(err, errVerifying):
		s.fail(id, ErrTooManyRequests)
	default:
		s.logToken(err)
		s.flushAndDisconnect(disconnectInvalidToken)
		return
	}
	s.rejectConnect()
}

// rejectConnect notes that connect failed.
func (s *Session) rejectConnect() {
	if s.State == opened {
		s.State = rejected
	}
}

// logToken logs the reason why a token was rejected. The client does not receive the reason.
func (s *Session) logToken(err error) {
	s.Sessions.logs.token.Do(func() {
		s.Sessions.Log.Warn("token rejected; logged at most once per second", "conn", s.Conn.ID, "error", logqueue.Clip(err.Error()))
	})
}

// subscriptionToken verifies a token for a room, and calls then if it is valid. Otherwise it replies with an error: errSubTokenExpired if the token has
// expired.
func (s *Session) subscriptionToken(id uint32, text, room string, then func(token.SubClaims)) {
	checkToken(s, text, s.Sessions.Tokens.Subscribe, func(claims token.SubClaims, err error) {
		if s.acceptsToken(id, claims, err, room) {
			then(claims)
		}
	})
}

// acceptsToken reports whether a subscription token is valid for this session and room. If not, it replies with an error or disconnects.
func (s *Session) acceptsToken(id uint32, claims token.SubClaims, err error, room string) bool {
	switch {
	case errors.Is(err, token.ErrExpired):
		s.fail(id, errSubTokenExpired)
	case errors.Is(err, errVerifying):
		s.reject(id, ErrTooManyRequests)
	case errors.Is(err, token.ErrKeysNotLoaded):
		s.fail(id, errInternal)
	case err == nil && s.Sessions.Moderation.IsRevoked(s.userID(), chat.TokenIdentity{ID: claims.ID, IssuedAt: claims.IssuedAt}):
		s.fail(id, ErrDenied)
	case err != nil:
		s.logToken(err)
		s.fail(id, ErrDenied)
	case claims.Channel != room, claims.User != s.userID(), claims.Client != "" && claims.Client != s.ClientID():
		// A token of another user or for another room is no mistake of an honest client.
		s.flushAndDisconnect(disconnectInvalidToken)
	default:
		return true
	}
	return false
}

// checkSanctions disconnects a client that is banned from all rooms or whose token is revoked. It reports whether the client may continue.
func (s *Session) checkSanctions(claims token.Claims) bool {
	of := chat.TokenIdentity{ID: claims.ID, IssuedAt: claims.IssuedAt}
	if of != s.kept().identity {
		s.keepToken(func(t *connectionToken) { t.identity = of })
	}
	switch {
	case s.Sessions.Moderation.IsRevoked(s.userID(), of):
		s.flushAndDisconnect(disconnectInvalidToken)
	case s.Sessions.Moderation.Denies(s.userID(), chat.ToSubscribe, ""):
		s.flushAndDisconnect(s.disconnectForBan())
	default:
		return true
	}
	return false
}
