package api

import (
	"context"
	"errors"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// The methods for sanctions, which chat.Sanctions changes. A method also ends the connections and subscriptions that a new sanction denies.

// apiSanction is a ban or a mute of a user: in a room, or in all rooms if channel is empty.
type apiSanction struct {
	User    string `json:"user"`
	Channel string `json:"channel"`
	Seconds int64  `json:"seconds"` // from now
	Until   int64  `json:"until"`   // or Unix seconds; without both it has no end
	Reason  string `json:"reason"`  // for the user
}

func (p *apiSanction) check(a *API, now time.Time) (until time.Time, e *protocol.Error) {
	if e := checkUser(p.User); e != nil {
		return until, e
	}
	if p.Channel != "" {
		if e := a.CheckRoom(p.Channel); e != nil {
			return until, e
		}
	}
	if err := chat.CheckReason(p.Reason); err != nil {
		return until, badRequest("%v", err)
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

var errReasons = overLimit("the reasons of the active bans and mutes have %d bytes, which is the limit: shorten the reason, or remove some", chat.MaxReasonBytes)

func (p *apiSanction) ban(ctx context.Context, a *API) (any, *protocol.Error) {
	until, e := p.check(a, a.sessions.Moderation.Now())
	if e != nil {
		return nil, e
	}
	// First the ban, then the connections: a client that joins in between is subject to the ban.
	if e := impose(ctx, a, p.sanction(chat.SanctionBan, until)); e != nil {
		return nil, e
	}
	target := apiTarget{User: p.User}
	if p.Channel != "" {
		return emptyResult{}, target.command(ctx, a, chat.TargetedCommand{Command: chat.Unsubscribe{Room: p.Channel, Cause: chat.EndedByBan}})
	}
	return emptyResult{}, target.command(ctx, a, chat.TargetedCommand{Command: chat.Disconnect{Cause: chat.EndedByBan}})
}

func (p *apiSanction) unban(ctx context.Context, a *API) (any, *protocol.Error) {
	return p.lift(ctx, a, chat.SanctionBan)
}

func (p *apiSanction) mute(ctx context.Context, a *API) (any, *protocol.Error) {
	until, e := p.check(a, a.sessions.Moderation.Now())
	if e != nil {
		return nil, e
	}
	return emptyResult{}, impose(ctx, a, p.sanction(chat.SanctionMute, until))
}

func (p *apiSanction) unmute(ctx context.Context, a *API) (any, *protocol.Error) {
	return p.lift(ctx, a, chat.SanctionMute)
}

func (p *apiSanction) lift(ctx context.Context, a *API, kind chat.SanctionKind) (any, *protocol.Error) {
	if p.Seconds != 0 || p.Until != 0 {
		return nil, badRequest("seconds and until: want neither")
	}
	if p.Reason != "" {
		return nil, badRequest("reason: want none")
	}
	if _, e := p.check(a, time.Time{}); e != nil {
		return nil, e
	}
	return emptyResult{}, lift(ctx, a, p.sanction(kind, time.Time{}))
}

// sanction returns the sanction that the parameters describe.
func (p *apiSanction) sanction(kind chat.SanctionKind, until time.Time) chat.Sanction {
	return chat.Sanction{Kind: kind, User: p.User, Room: p.Channel, Until: until, Reason: p.Reason}
}

// apiSlowMode sets the shortest time between two publications of one user in a room.
type apiSlowMode struct {
	Channel string `json:"channel"`
	Seconds int64  `json:"seconds"` // 0 turns slow mode off
}

func (asm *apiSlowMode) do(ctx context.Context, a *API) (any, *protocol.Error) {
	if e := a.CheckRoom(asm.Channel); e != nil {
		return nil, e
	}
	if most := int64(chat.MaxSlowMode / time.Second); asm.Seconds < 0 || asm.Seconds > most {
		return nil, badRequest("seconds: want 1 to %d, or 0 to turn slow mode off", most)
	}
	slow := chat.Sanction{Kind: chat.SanctionSlowMode, Room: asm.Channel, Pause: time.Duration(asm.Seconds) * time.Second}
	if slow.Pause == 0 {
		return emptyResult{}, lift(ctx, a, slow)
	}
	return emptyResult{}, impose(ctx, a, slow)
}

// impose puts a sanction into effect. It waits for the disk if there is a data directory.
func impose(ctx context.Context, a *API, s chat.Sanction) *protocol.Error {
	err := a.sessions.Sanctions.Impose(ctx, s)
	switch {
	case errors.Is(err, chat.ErrSanctions):
		return errSanctions
	case errors.Is(err, chat.ErrReasons):
		return errReasons
	}
	return notStored(a, s, err)
}

// lift ends a sanction, as impose begins one.
func lift(ctx context.Context, a *API, s chat.Sanction) *protocol.Error {
	return notStored(a, s, a.sessions.Sanctions.Lift(ctx, s))
}

// notStored logs the error of a change that may not be on disk, and returns the error of the call.
func notStored(a *API, s chat.Sanction, err error) *protocol.Error {
	if err == nil {
		return nil
	}
	a.sessions.Log.Warn("sanction not stored", "kind", string(s.Kind), "user", s.User, "channel", s.Room, "error", err)
	return errNotStored
}
