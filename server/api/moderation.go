package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// The methods that moderate. chat.Moderation holds the sanctions. A method also ends the connections and subscriptions that a new sanction
// forbids.

// apiKick ends the subscriptions to a room, or, without a room, the connections. The clients may return.
type apiKick struct {
	apiTarget
	Channel string `json:"channel"`
}

func (ak *apiKick) do(ctx context.Context, a *API) (any, *protocol.Error) {
	if ak.Channel != "" {
		if e := checkRoom(ak.Channel); e != nil {
			return nil, e
		}
	}
	if ak.Channel != "" {
		return emptyResult{}, ak.command(ctx, a, chat.TargetedCommand{Command: chat.Unsubscribe{Room: ak.Channel, Cause: chat.EndedByKick}})
	}
	return emptyResult{}, ak.command(ctx, a, chat.TargetedCommand{Command: chat.Disconnect{Cause: chat.EndedByKick}})
}

// apiSanction is a ban or a mute of a user: in a room, or in all rooms if channel is empty.
type apiSanction struct {
	User    string `json:"user"`
	Channel string `json:"channel"`
	Seconds int64  `json:"seconds"` // from now
	Until   int64  `json:"until"`   // or Unix seconds; without both it has no end
}

func (p *apiSanction) check(now time.Time) (until time.Time, e *protocol.Error) {
	if e := checkUser(p.User); e != nil {
		return until, e
	}
	if p.Channel != "" {
		if e := checkRoom(p.Channel); e != nil {
			return until, e
		}
	}
	switch {
	case p.Seconds != 0 && p.Until != 0:
		return until, badRequest("seconds or until: want one of them, or neither for no end")
	case p.Seconds < 0 || p.Seconds > int64(session.MaxMoment/time.Second):
		return until, badRequest("seconds: want 1 to %d", int64(session.MaxMoment/time.Second))
	case p.Seconds > 0:
		return now.Add(time.Duration(p.Seconds) * time.Second), nil
	}
	return futureTime("until", p.Until, now)
}

func checkUser(name string) *protocol.Error {
	if name == "" || len(name) > MaxUserName {
		return badRequest("user: want 1 to %d bytes; a client without a user can only be kicked", MaxUserName)
	}
	return nil
}

var errSanctions = overLimit("%d bans, mutes, slow channels and revocations are active: remove some", chat.MaxSanctions)

func (p *apiSanction) ban(ctx context.Context, a *API) (any, *protocol.Error) {
	until, e := p.check(a.sessions.Moderation.Now())
	if e != nil {
		return nil, e
	}
	// First the ban, then the connections: a client that joins in between is subject to the ban.
	if !a.sessions.Moderation.Ban(p.User, p.Channel, until) {
		return nil, errSanctions
	}
	target := apiTarget{User: p.User}
	if p.Channel != "" {
		return emptyResult{}, target.command(ctx, a, chat.TargetedCommand{Command: chat.Unsubscribe{Room: p.Channel, Cause: chat.EndedByBan}})
	}
	return emptyResult{}, target.command(ctx, a, chat.TargetedCommand{Command: chat.Disconnect{Cause: chat.EndedByBan}})
}

func (p *apiSanction) unban(_ context.Context, a *API) (any, *protocol.Error) {
	return p.remove(a.sessions.Moderation.Unban)
}

func (p *apiSanction) mute(_ context.Context, a *API) (any, *protocol.Error) {
	until, e := p.check(a.sessions.Moderation.Now())
	if e != nil {
		return nil, e
	}
	if !a.sessions.Moderation.Mute(p.User, p.Channel, until) {
		return nil, errSanctions
	}
	return emptyResult{}, nil
}

func (p *apiSanction) unmute(_ context.Context, a *API) (any, *protocol.Error) {
	return p.remove(a.sessions.Moderation.Unmute)
}

func (p *apiSanction) remove(how func(user, room string)) (any, *protocol.Error) {
	if p.Seconds != 0 || p.Until != 0 {
		return nil, badRequest("seconds and until: want neither")
	}
	if _, e := p.check(time.Time{}); e != nil {
		return nil, e
	}
	how(p.User, p.Channel)
	return emptyResult{}, nil
}

// apiSlowMode sets the shortest time between two publications of one user in a room.
type apiSlowMode struct {
	Channel string `json:"channel"`
	Seconds int64  `json:"seconds"` // 0 turns slow mode off
}

func (asm *apiSlowMode) do(_ context.Context, a *API) (any, *protocol.Error) {
	if e := checkRoom(asm.Channel); e != nil {
		return nil, e
	}
	if most := int64(chat.MaxSlowMode / time.Second); asm.Seconds < 0 || asm.Seconds > most {
		return nil, badRequest("seconds: want 1 to %d, or 0 to turn slow mode off", most)
	}
	if !a.sessions.Moderation.SetSlowMode(asm.Channel, time.Duration(asm.Seconds)*time.Second) {
		return nil, errSanctions
	}
	return emptyResult{}, nil
}

// apiRedact removes the data of a publication from the history.
type apiRedact chat.Redaction

func (ar *apiRedact) do(ctx context.Context, a *API) (any, *protocol.Error) {
	r := apiRoom{ar.Channel}
	if e := r.checkAvailable(a, chat.ToReadHistory); e != nil {
		return nil, e
	}
	if e := a.sessions.AwaitRoom(ctx, ar.Channel); e != nil {
		return nil, session.ErrorOf(e)
	}
	if _, e := a.sessions.Redact(chat.Redaction(*ar), nil); e != nil {
		return nil, session.ErrorOf(e)
	}
	return emptyResult{}, nil
}

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
	r := chat.Revocation{Until: forget}
	if rev.ID == "" {
		r.IssuedBefore = time.Unix(rev.IssuedBefore, 0)
		if rev.IssuedBefore == 0 {
			// "iat" has whole seconds: a token of this second may be older than this call.
			r.IssuedBefore = now.Truncate(time.Second).Add(time.Second)
		}
	}
	if !m.Revoke(rev.User, rev.ID, r) {
		return nil, errSanctions
	}
	target := apiTarget{User: rev.User}
	return emptyResult{}, target.command(ctx, a, chat.TargetedCommand{Command: chat.EndRevoked{}})
}

// apiModeration lists the active sanctions, with a user or a channel only those of it.
type apiModeration struct {
	User    string `json:"user"`
	Channel string `json:"channel"`
}

func (as *apiModeration) do(_ context.Context, a *API) (any, *protocol.Error) {
	s := a.sessions.Moderation.ActiveSanctions(as.User, as.Channel)
	byUser := func(a, b chat.ActiveSanction) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Channel, b.Channel))
	}
	slices.SortFunc(s.Bans, byUser)
	slices.SortFunc(s.Mutes, byUser)
	slices.SortFunc(s.Revocations, func(a, b chat.ActiveRevocation) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.ID, b.ID))
	})
	return s, nil
}
