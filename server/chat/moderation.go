package chat

import (
	"sync"
	"sync/atomic"
	"time"
)

// Moderation has the sanctions of the application: bans and mutes of users, in one room or in all, slow mode of rooms, and revoked tokens.
// Sanctions do not depend on connections or rooms that exist; a restart clears them. Any goroutine may use it.
type Moderation struct {
	Now func() time.Time

	Any atomic.Bool // there is a sanction, or was one until recently: without sanctions no check takes the lock

	expired time.Time // time of the last Expire; owned by the heartbeat

	Mu          sync.RWMutex             // a leaf
	Bans        map[Sanctioned]time.Time // end; the zero time: no end
	mutes       map[Sanctioned]time.Time
	slow        map[string]time.Duration // by room: the minimum between two publications of one user
	Spoke       slowMode
	revocations map[revoked]Revocation
}

// Sanctioned is the key of a ban or a mute. An empty room means all rooms.
type Sanctioned struct{ User, Room string }

// revoked is the key of a revocation. An empty ID means all tokens of the user that were issued before a time.
type revoked struct{ user, id string }

// TokenIdentity has the claims of a token that decide whether it is revoked.
type TokenIdentity struct {
	ID       string
	IssuedAt time.Time
}

// Revocation rejects tokens of a user.
type Revocation struct {
	IssuedBefore time.Time // for a revocation without a token ID
	Until        time.Time // end: the tokens have expired by then; the zero time: no end
}

const (
	MaxSanctions   = 1 << 16 // bans, mutes, slow rooms and revocations together
	MaxSlowMode    = 24 * time.Hour
	ForgetInterval = time.Minute // between two searches for sanctions that have ended
)

// NewModeration returns a Moderation without sanctions.
func NewModeration() *Moderation {
	return &Moderation{
		Now:         time.Now,
		Bans:        map[Sanctioned]time.Time{},
		mutes:       map[Sanctioned]time.Time{},
		slow:        map[string]time.Duration{},
		Spoke:       newSlowMode(),
		revocations: map[revoked]Revocation{},
	}
}

// stands reports whether a sanction with an end is active now.
func stands(until, now time.Time) bool { return until.IsZero() || now.Before(until) }

// Forbids reports whether a sanction denies a user an action in a room. With an empty room, only sanctions for all rooms count.
func (m *Moderation) Forbids(user string, d Action, room string) bool {
	if user == "" || !m.Any.Load() {
		return false
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	if m.holds(m.Bans, user, room) {
		return true
	}
	return d == ToPublish && m.holds(m.mutes, user, room)
}

func (m *Moderation) holds(sanctions map[Sanctioned]time.Time, user, room string) bool {
	now := m.Now()
	here, isHere := sanctions[Sanctioned{user, room}]
	everywhere, isEverywhere := sanctions[Sanctioned{user, ""}]
	return isHere && stands(here, now) || isEverywhere && stands(everywhere, now)
}

// Refuses reports whether a token of a user is revoked.
func (m *Moderation) Refuses(user string, c TokenIdentity) bool {
	if !m.Any.Load() {
		return false
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	now := m.Now()
	if r, is := m.revocations[revoked{user, c.ID}]; is && c.ID != "" && stands(r.Until, now) {
		return true
	}
	// A token without an issue time counts as issued before.
	r, is := m.revocations[revoked{user, ""}]
	return is && stands(r.Until, now) && c.IssuedAt.Before(r.IssuedBefore)
}

// Ban denies a user all actions in a room, or in all rooms if room is empty, until a time; the zero time: without end. It returns false if
// MaxSanctions are active.
func (m *Moderation) Ban(user, room string, until time.Time) bool {
	return sanction(m, m.Bans, Sanctioned{user, room}, until)
}

// Mute denies a user to publish; otherwise it is as Ban.
func (m *Moderation) Mute(user, room string, until time.Time) bool {
	return sanction(m, m.mutes, Sanctioned{user, room}, until)
}

// Revoke rejects the token of a user with an ID, or, if id is empty, all tokens that were issued before r.IssuedBefore. Of two revocations with
// one key the later times count. It returns false if MaxSanctions are active.
func (m *Moderation) Revoke(user, id string, r Revocation) bool {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	old, is := m.revocations[revoked{user, id}]
	if is && old.IssuedBefore.After(r.IssuedBefore) {
		r.IssuedBefore = old.IssuedBefore
	}
	if is && (old.Until.IsZero() || !r.Until.IsZero() && old.Until.After(r.Until)) {
		r.Until = old.Until
	}
	return sanctionLocked(m, m.revocations, revoked{user, id}, r)
}

// Unban removes the ban with that user and room, if there is one.
func (m *Moderation) Unban(user, room string) { Lift(m, m.Bans, Sanctioned{user, room}) }

// Unmute removes the mute with that user and room, if there is one.
func (m *Moderation) Unmute(user, room string) { Lift(m, m.mutes, Sanctioned{user, room}) }

// sanction adds a sanction. It returns false if MaxSanctions are active.
func sanction[K comparable, V any](m *Moderation, to map[K]V, key K, value V) bool {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	return sanctionLocked(m, to, key, value)
}

// sanctionLocked is sanction; m.Mu is held.
func sanctionLocked[K comparable, V any](m *Moderation, to map[K]V, key K, value V) bool {
	if _, is := to[key]; !is && m.countLocked() >= MaxSanctions {
		if m.ForgetLocked(); m.countLocked() >= MaxSanctions {
			return false
		}
	}
	to[key] = value
	m.Any.Store(true)
	return true
}

// Lift removes a sanction, if there is one.
func Lift[K comparable, V any](m *Moderation, from map[K]V, key K) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	delete(from, key)
}

// countLocked counts sanctions. m.Mu is held.
func (m *Moderation) countLocked() int {
	return len(m.Bans) + len(m.mutes) + len(m.slow) + len(m.revocations)
}

// Expire removes sanctions that have ended, once in ForgetInterval. Called on the heartbeat.
func (m *Moderation) Expire(now time.Time) {
	if !m.Any.Load() || now.Sub(m.expired) < ForgetInterval {
		return
	}
	m.expired = now
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.ForgetLocked()
}

// DeleteLocked removes sanctions that have ended. m.Mu is held.
func (m *Moderation) ForgetLocked() {
	now := m.Now()
	for _, sanctions := range []map[Sanctioned]time.Time{m.Bans, m.mutes} {
		for who, until := range sanctions {
			if !stands(until, now) {
				delete(sanctions, who)
			}
		}
	}
	for token, r := range m.revocations {
		if !stands(r.Until, now) {
			delete(m.revocations, token)
		}
	}
	m.forgetSpeakersLocked(now)
	m.Any.Store(m.countLocked() > 0)
}
