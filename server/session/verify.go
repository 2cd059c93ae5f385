package session

import (
	"errors"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/token"
)

// Tokens: whether they are good, and what a client with one that is not is answered.

// errVerifying is for a token that is not looked at, as too many are being looked at.
var errVerifying = errors.New("too many tokens are being verified")

// MaxVerifying is how many tokens of slow algorithms may wait to be verified. Half of the cores verify them.
const MaxVerifying = 1024

// checkToken calls then with what check makes of a token: at once, or, where the signature takes milliseconds, when it has been verified
// off the loop. Until then the client's next command waits. Called on the poller, and so is then; it is not called where the connection
// has ended meanwhile.
func checkToken[C any](s *Session, text string, check func(text string, now time.Time) (C, error), then func(C, error)) {
	if !s.Hub.Tokens.Slow(text) {
		claims, err := check(text, time.Now())
		then(claims, err)
		return
	}
	if s.State == opened {
		s.beginAsking() // the API may name its user meanwhile
	}
	s.Await(s.Hub.Verifiers, func() func() {
		claims, err := check(text, time.Now())
		return func() { then(claims, err) }
	}, func() {
		var none C
		then(none, errVerifying)
	})
}

// refuseToken answers a connection's token that is no good, one that has expired with expired.
func (s *Session) refuseToken(id uint32, err error, expired *protocol.Error) {
	switch {
	case errors.Is(err, token.ErrExpired):
		s.fail(id, expired)
	case errors.Is(err, token.ErrKeysNotLoaded):
		s.fail(id, errInternal)
	case errors.Is(err, errVerifying):
		s.fail(id, ErrTooManyRequests)
	default:
		s.complainOfToken(err)
		s.dismiss(disconnectInvalidToken)
		return
	}
	s.refuseConnect()
}

// refuseConnect is when connect was answered with an error.
func (s *Session) refuseConnect() {
	if s.State == opened {
		s.State = refused
	}
}

// complainOfToken logs why a token was refused: its client learns no more than that it was.
func (s *Session) complainOfToken(err error) {
	s.Hub.complaint.Do(func() {
		s.Hub.Log.Warn("token refused; more may be refused without a log line", "conn", s.Conn.ID, "error", logqueue.Clip(err.Error()))
	})
}

// subscriptionToken checks a token for a room, and goes on with then if it is good. Else the command is answered, a token that has
// expired with expired.
func (s *Session) subscriptionToken(id uint32, text, room string, expired *protocol.Error, then func(token.SubClaims)) {
	checkToken(s, text, s.Hub.Tokens.Subscribe, func(claims token.SubClaims, err error) {
		if s.takesToken(id, claims, err, room, expired) {
			then(claims)
		}
	})
}

// takesToken says whether a subscription token is for this session and that room, or answers the command.
func (s *Session) takesToken(id uint32, claims token.SubClaims, err error, room string, expired *protocol.Error) bool {
	switch {
	case errors.Is(err, token.ErrExpired):
		s.fail(id, expired)
	case errors.Is(err, errVerifying):
		s.refuse(id, ErrTooManyRequests)
	case errors.Is(err, token.ErrKeysNotLoaded):
		s.fail(id, errInternal)
	case err == nil && s.Hub.Moderation.Refuses(s.Info.User, chat.Credential{Id: claims.ID, Issued: claims.IssuedAt}):
		s.fail(id, ErrDenied)
	case err != nil:
		s.complainOfToken(err)
		s.fail(id, ErrDenied)
	case claims.Channel != room, claims.User != s.Info.User, claims.Client != "" && claims.Client != s.Client:
		// Of somebody else, or for another room: no accident.
		s.dismiss(disconnectInvalidToken)
	default:
		return true
	}
	return false
}

// welcome ends the connection of whoever was banned from all rooms, or whose token was revoked.
func (s *Session) welcome(claims token.Claims) bool {
	s.credential = chat.Credential{Id: claims.ID, Issued: claims.IssuedAt}
	switch {
	case s.Hub.Moderation.Refuses(s.Info.User, s.credential):
		s.dismiss(disconnectInvalidToken)
	case s.Hub.Moderation.Forbids(s.Info.User, chat.ToSubscribe, ""):
		s.dismiss(disconnectBanned)
	default:
		return true
	}
	return false
}
