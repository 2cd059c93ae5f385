package api

import (
	"context"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
)

// apiRevoke revokes tokens of a user, and ends the connections and subscriptions that used them.
type apiRevoke struct {
	User         string `json:"user"`
	ID           string `json:"jti"`           // of one token
	IssuedBefore int64  `json:"issued_before"` // or all tokens with an earlier "iat", in Unix seconds; without both, all tokens issued until now
	ExpireAt     int64  `json:"expire_at"`     // Unix seconds: end of the revocation, when all these tokens have expired; 0 for never
}

func (rev *apiRevoke) do(ctx context.Context, a *API) (any, *protocol.Error) {
	if e := checkUser(rev.User); e != nil {
		return nil, e
	}
	m := a.sessions.Moderation
	now := m.Now()
	forget, e := futureTime("expire_at", rev.ExpireAt, now)
	switch {
	case e != nil:
		return nil, e
	case rev.ID != "" && rev.IssuedBefore != 0:
		return nil, badRequest("jti or issued_before: want one of them, or none")
	case len(rev.ID) > MaxUserName:
		return nil, badRequest("jti: want %d bytes at most", MaxUserName)
	case rev.IssuedBefore < 0 || rev.IssuedBefore > now.Unix()+1:
		return nil, badRequest("issued_before: want Unix seconds, not later than now")
	}
	r := chat.Sanction{Kind: chat.SanctionRevoke, User: rev.User, Token: rev.ID, Until: forget}
	if rev.ID == "" {
		r.IssuedBefore = time.Unix(rev.IssuedBefore, 0)
		if rev.IssuedBefore == 0 {
			// "iat" has whole seconds: a token of this second may be older than this call.
			r.IssuedBefore = now.Truncate(time.Second).Add(time.Second)
		}
	}
	if e := impose(ctx, a, r); e != nil {
		return nil, e
	}
	target := apiTarget{User: rev.User}
	return emptyResult{}, target.command(ctx, a, chat.TargetedCommand{Command: chat.EndRevoked{}})
}
