package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/roster"
)

// The rpc methods of the moderators of a room: what the server API can do, in this room only. A moderator acts on users with a smaller role, an
// owner on all but itself. Each act is in the audit log.

// moderation is a method of moderators. It changes sanctions on a worker, because that may wait for the disk.
type moderation struct {
	action audit.Action
	kind   chat.SanctionKind // empty for none
	lift   bool
	end    chat.EndCause // of the subscriptions of the user; empty for none
	ofRoom bool          // there is no user
}

// kick ends the subscriptions of a user to a room. It may return.
func (s *Session) kick(id uint32, params []byte) {
	s.moderate(id, moderation{action: "kick", end: chat.EndedByKick}, params)
}

// ban denies a user all actions in a room.
func (s *Session) ban(id uint32, params []byte) {
	s.moderate(id, moderation{action: "ban", kind: chat.SanctionBan, end: chat.EndedByBan}, params)
}

func (s *Session) unban(id uint32, params []byte) {
	s.moderate(id, moderation{action: "unban", kind: chat.SanctionBan, lift: true}, params)
}

// silence denies a user to publish in a room: the mute of the server API.
func (s *Session) silence(id uint32, params []byte) {
	s.moderate(id, moderation{action: "mute", kind: chat.SanctionMute}, params)
}

func (s *Session) unsilence(id uint32, params []byte) {
	s.moderate(id, moderation{action: "unmute", kind: chat.SanctionMute, lift: true}, params)
}

// slow sets the slow mode of a room.
func (s *Session) slow(id uint32, params []byte) {
	s.moderate(id, moderation{action: "slow_mode", kind: chat.SanctionSlowMode, ofRoom: true}, params)
}

// moderate handles a method of moderators.
func (s *Session) moderate(id uint32, m moderation, params []byte) {
	p, ok := s.decodeRoster(id, params)
	if !ok {
		return
	}
	sanction, e := m.sanction(&p, s.Sessions.Moderation.Now())
	if e == nil {
		e = s.mayModerate(&m, &p)
	}
	if e != nil {
		s.fail(id, e)
		return
	}
	act := s.act(m.action, p.Channel, p.User)
	if p.Seconds > 0 {
		act.Details = append(act.Details, slog.Int64("seconds", p.Seconds))
	}
	if p.Reason != "" {
		act.Details = append(act.Details, slog.String("reason", p.Reason))
	}
	s.Await(s.Sessions.Moderators, func() func() {
		ctx, cancel := context.WithTimeout(context.Background(), moderationTimeout)
		defer cancel()
		return s.acted(id, act, s.Sessions.moderate(ctx, &m, sanction))
	}, func() { s.reject(id, ErrTooManyRequests) })
}

// sanction returns the sanction that the parameters describe, or the error of those that are not valid.
func (mo *moderation) sanction(p *rosterParams, now time.Time) (sn chat.Sanction, e *protocol.Error) {
	most := MaxMoment
	if mo.ofRoom {
		most = chat.MaxSlowMode
	}
	switch {
	case p.Seconds < 0 || p.Seconds > int64(most/time.Second):
		return sn, invalid("seconds: found %d, allowed: 0 to %d", p.Seconds, int64(most/time.Second))
	case mo.ofRoom && p.User != "":
		return sn, invalid("user: found one, allowed: none, because slow mode is of the room")
	case !mo.ofRoom && p.User == "":
		return sn, invalid("user: found none, want the user on whom to act")
	case len(p.User) > roster.MaxUser:
		return sn, invalid("user: found %d bytes, allowed: %d", len(p.User), roster.MaxUser)
	case p.Reason != "" && (mo.lift || mo.kind != chat.SanctionBan && mo.kind != chat.SanctionMute):
		return sn, invalid("reason: found one, allowed: of a ban or a mute")
	}
	if err := chat.CheckReason(p.Reason); err != nil {
		return sn, invalid("%v", err)
	}
	length := time.Duration(p.Seconds) * time.Second
	sn = chat.Sanction{Kind: mo.kind, User: p.User, Room: p.Channel, Reason: p.Reason}
	switch {
	case mo.ofRoom:
		sn.Pause = length
	case p.Seconds > 0 && !mo.lift:
		sn.Until = now.Add(length)
	}
	return sn, nil
}

// mayModerate returns nil if the user is a moderator with a larger role than the target has, and else the error. In a direct room nobody is.
func (s *Session) mayModerate(m *moderation, p *rosterParams) *protocol.Error {
	own := s.Sessions.RoleOf(p.Channel, s.userID())
	switch {
	case own < roster.Moderator || s.Sessions.IsDirect(p.Channel):
		return errModerators
	case m.ofRoom:
		return nil
	case p.User == s.userID() || own != roster.Owner && own <= s.Sessions.RoleOf(p.Channel, p.User):
		return denied("a moderator acts on users with a smaller role than its own")
	}
	return nil
}

// rejectReasons is the rejection of a reason for which there is no place: without a reason the sanction may be possible.
var rejectReasons = &chat.Rejection{Cause: chat.CauseLimit, Detail: "reason: the reasons of the active bans and mutes have too many bytes: leave it out"}

// moderate puts an act into effect. It blocks until the sanction is stored and all connections of the user have handled it.
func (all *Sessions) moderate(ctx context.Context, m *moderation, sn chat.Sanction) *chat.Rejection {
	var err error
	switch {
	case m.kind == "":
	case m.lift || m.ofRoom && sn.Pause == 0:
		err = all.Sanctions.Lift(ctx, sn)
	default:
		if err = all.Moderation.AdmitModerators(sn); err == nil {
			err = all.Sanctions.Impose(ctx, sn)
		}
	}
	switch {
	case errors.Is(err, chat.ErrSanctions):
		return chat.RejectLimit
	case errors.Is(err, chat.ErrReasons):
		return rejectReasons
	case err != nil:
		all.Log.Warn("sanction not stored", "kind", string(sn.Kind), "user", sn.User, "channel", sn.Room, "error", err)
		return chat.RejectUnavailable
	case m.end == "":
		return all.Settle(ctx)
	}
	return all.Execute(ctx, chat.TargetedCommand{User: sn.User, Command: chat.Unsubscribe{Room: sn.Room, Cause: m.end}})
}
