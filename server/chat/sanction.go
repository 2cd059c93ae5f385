package chat

import (
	"errors"
	"fmt"
	"time"
)

// SanctionKind is the kind of a sanction.
type SanctionKind string

const (
	SanctionBan      SanctionKind = "ban"
	SanctionMute     SanctionKind = "mute"
	SanctionSlowMode SanctionKind = "slow_mode"
	SanctionRevoke   SanctionKind = "revoke"
)

// Sanction is one sanction of the application. Kind and the fields up to Token identify it.
type Sanction struct {
	Kind  SanctionKind
	User  string // empty for slow mode
	Room  string // empty: all rooms, for a ban or a mute
	Token string // ID of a revoked token; empty: all tokens that were issued before IssuedBefore

	Until        time.Time     // end; the zero time: none
	IssuedBefore time.Time     // of a revocation without Token
	Pause        time.Duration // of slow mode
	Reason       string        // of a ban or a mute, for the user; empty for none
}

// maxSanctionTime is the limit of the time until the end of a sanction in an export: a longer one has no end.
const maxSanctionTime = 100 * 365 * 24 * time.Hour

// check returns why the server would not make a sanction.
func (sn *Sanction) check(now time.Time) error {
	isSlow, isRevoke := sn.Kind == SanctionSlowMode, sn.Kind == SanctionRevoke
	switch {
	case isSlow && (sn.User != "" || sn.Room == ""):
		return errors.New("slow_mode: must have a room, and no user")
	case isSlow && (sn.Pause <= 0 || sn.Pause > MaxSlowMode):
		return fmt.Errorf("pause: must be 1 to %d", MaxSlowMode.Milliseconds())
	case !isSlow && sn.User == "":
		return fmt.Errorf("%s: must have a user", sn.Kind)
	case isRevoke && sn.Token == "" && sn.IssuedBefore.IsZero():
		return errors.New("revoke: must have jti or issued_before")
	case sn.Room != "" && !ValidRoomName(sn.Room):
		return fmt.Errorf("room %q: must have 1 to %d bytes of visible UTF-8", sn.Room, MaxRoomName)
	case sn.Until.Sub(now) > maxSanctionTime:
		return fmt.Errorf("until: must be within 100 years, or absent for no end")
	case sn.Reason != "" && (isSlow || isRevoke):
		return errors.New("reason: must be of a ban or a mute")
	}
	return CheckReason(sn.Reason)
}

// add puts a sanction into effect in this process. It returns false if MaxSanctions are active.
func (m *Moderation) add(s Sanction) bool {
	switch s.Kind {
	case SanctionBan:
		return m.Ban(s.User, s.Room, Term{s.Until, s.Reason})
	case SanctionMute:
		return m.Mute(s.User, s.Room, Term{s.Until, s.Reason})
	case SanctionSlowMode:
		return m.SetSlowMode(s.Room, s.Pause)
	default:
		return m.Revoke(s.User, s.Token, Revocation{IssuedBefore: s.IssuedBefore, Until: s.Until})
	}
}

// remove ends a sanction in this process.
func (m *Moderation) remove(s Sanction) {
	switch s.Kind {
	case SanctionBan:
		m.Unban(s.User, s.Room)
	case SanctionMute:
		m.Unmute(s.User, s.Room)
	case SanctionSlowMode:
		m.SetSlowMode(s.Room, 0)
	default:
		m.Mu.Lock()
		defer m.Mu.Unlock()
		delete(m.revocations, revocationKey{s.User, s.Token})
	}
}

// merged returns a revocation with the later times of itself and of the one with its identity that is in effect.
func (m *Moderation) merged(s Sanction) Sanction {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	if old, is := m.revocations[revocationKey{s.User, s.Token}]; is && isActive(old.Until, m.Now()) {
		r := old.merge(Revocation{IssuedBefore: s.IssuedBefore, Until: s.Until})
		s.IssuedBefore, s.Until = r.IssuedBefore, r.Until
	}
	return s
}
