package chat

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/name"
)

const (
	MaxSanctions = 1 << 16 // bans, mutes, slow rooms and revocations together

	// MaxModeratorSanctions is the number of sanctions from which on moderators of rooms impose no further ones. A user that may create rooms is
	// the owner of one, and the application must always have places.
	MaxModeratorSanctions = MaxSanctions / 2

	MaxSanctionReason   = 256                // bytes of the reason of a ban or a mute
	MaxReasonBytes      = 4 << 20            // of all reasons together
	MaxModeratorReasons = MaxReasonBytes / 2 // as MaxModeratorSanctions
)

var (
	// ErrSanctions is the error of one sanction too many: MaxSanctions are active.
	ErrSanctions = errors.New("too many active sanctions")
	// ErrReasons is the error of a reason too many: all of them have MaxReasonBytes.
	ErrReasons = errors.New("too many bytes of reasons of active sanctions")
)

// CheckReason returns the error of a text that cannot be the reason of a sanction.
func CheckReason(reason string) error {
	switch {
	case len(reason) > MaxSanctionReason:
		return fmt.Errorf("reason: found %d bytes, allowed: %d", len(reason), MaxSanctionReason)
	case !utf8.ValidString(reason):
		return errors.New("reason: must be UTF-8")
	}
	for _, r := range reason {
		switch {
		case unicode.IsControl(r):
			return fmt.Errorf("reason: found the control character %U, allowed: one line of text", r)
		case unicode.In(r, unicode.Zl, unicode.Zp):
			return fmt.Errorf("reason: found the line separator %U, allowed: one line of text", r)
		case name.TurnsText(r):
			return fmt.Errorf("reason: found %U, which changes the direction of the text, allowed: text without such characters", r)
		}
	}
	if reason != "" && !name.Shows(reason) {
		return errors.New("reason: found only blank and invisible characters, allowed: a text that can be read, or no reason")
	}
	return nil
}

// size is a number of sanctions and the bytes of their reasons.
type size struct{ sanctions, reasons int }

// reserve keeps a place for a sanction that is not in effect yet. It returns ErrSanctions or ErrReasons if there is none. release gives the place
// back.
func (m *Moderation) reserve(s Sanction) (release func(), err error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	all := size{MaxSanctions, MaxReasonBytes}
	if err = m.admitLocked(s, all); err != nil {
		m.expireLocked()
		if err = m.admitLocked(s, all); err != nil {
			return nil, err
		}
	}
	m.reserved.sanctions++
	m.reserved.reasons += len(s.Reason)
	return func() {
		m.Mu.Lock()
		defer m.Mu.Unlock()
		m.reserved.sanctions--
		m.reserved.reasons -= len(s.Reason)
	}, nil
}

// AdmitModerators returns nil if a moderator of a room may impose a sanction, and else ErrSanctions or ErrReasons. It may while the active sanctions
// are below the limits of moderators, and may always change an active sanction without a longer reason.
func (m *Moderation) AdmitModerators(s Sanction) error {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	return m.admitLocked(s, size{MaxModeratorSanctions, MaxModeratorReasons})
}

// admitLocked returns the error of a sanction beyond the limits in most. m.Mu is held.
func (m *Moderation) admitLocked(s Sanction, most size) error {
	old, is := m.storedLocked(s)
	switch longer := len(s.Reason) - len(old); {
	case !is && m.countLocked()+m.reserved.sanctions >= most.sanctions:
		return ErrSanctions
	case longer > 0 && m.reasons+m.reserved.reasons+longer > most.reasons:
		return ErrReasons
	}
	return nil
}

// storedLocked reports whether a sanction with the identity of s is stored, and returns its reason. m.Mu is held.
func (m *Moderation) storedLocked(s Sanction) (reason string, is bool) {
	var t Term
	switch s.Kind {
	case SanctionBan:
		t, is = m.Bans[SanctionKey{s.User, s.Room}]
	case SanctionMute:
		t, is = m.mutes[SanctionKey{s.User, s.Room}]
	case SanctionSlowMode:
		_, is = m.slow[s.Room]
	default:
		_, is = m.revocations[revocationKey{s.User, s.Token}]
	}
	return t.Reason, is
}
