package api

import (
	"context"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// The methods for sanctions, which chat.Moderation holds. A method also ends the connections and subscriptions that a new sanction denies.

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
