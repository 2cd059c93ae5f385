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
	}
	return nil
}

// ErrSanctions is the error of one sanction too many: MaxSanctions are active.
var ErrSanctions = errors.New("too many active sanctions")

// add puts a sanction into effect in this process. It returns false if MaxSanctions are active.
func (m *Moderation) add(s Sanction) bool {
	switch s.Kind {
	case SanctionBan:
		return m.Ban(s.User, s.Room, s.Until)
	case SanctionMute:
		return m.Mute(s.User, s.Room, s.Until)
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
		remove(m, m.revocations, revocationKey{s.User, s.Token})
	}
}

// reserve keeps a place for a sanction that is not in effect yet. It returns false if MaxSanctions are active or reserved. release gives the
// place back.
func (m *Moderation) reserve(s Sanction) (release func(), ok bool) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if !m.hasLocked(s) && m.countLocked()+m.reserved >= MaxSanctions {
		if m.expireLocked(); m.countLocked()+m.reserved >= MaxSanctions {
			return nil, false
		}
	}
	m.reserved++
	return func() {
		m.Mu.Lock()
		defer m.Mu.Unlock()
		m.reserved--
	}, true
}

// AdmitsModerators reports whether a moderator of a room may impose a sanction: it is in effect already, or fewer than MaxModeratorSanctions are.
func (m *Moderation) AdmitsModerators(s Sanction) bool {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	return m.hasLocked(s) || m.countLocked()+m.reserved < MaxModeratorSanctions
}

// hasLocked reports whether a sanction with the identity of s is stored. m.Mu is held.
func (m *Moderation) hasLocked(s Sanction) (is bool) {
	switch s.Kind {
	case SanctionBan:
		_, is = m.Bans[SanctionKey{s.User, s.Room}]
	case SanctionMute:
		_, is = m.mutes[SanctionKey{s.User, s.Room}]
	case SanctionSlowMode:
		_, is = m.slow[s.Room]
	default:
		_, is = m.revocations[revocationKey{s.User, s.Token}]
	}
	return is
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
