package chat

import (
	"sync"
	"sync/atomic"
	"time"
)

// Moderation has the sanctions of the application: bans and mutes of users, in one room or in all, slow mode of rooms, and revoked tokens.
// Sanctions do not depend on connections or rooms that exist. A plain client has no user, so only slow mode applies to it. Sanctions
// (sanctions.go) stores the changes. Any goroutine may use it.
type Moderation struct {
	Now func() time.Time

	anySanction atomic.Bool // there is a sanction, or was one until recently: without sanctions no check takes the lock

	expired time.Time // time of the last expire; owned by the heartbeat

	Mu          sync.RWMutex // a leaf
	reserved    size         // of sanctions that are being stored
	reasons     int          // bytes of the reasons of Bans and mutes
	Bans        map[SanctionKey]Term
	mutes       map[SanctionKey]Term
	slow        map[string]time.Duration // by room: the minimum between two publications of one user
	slowMode    slowMode
	revocations map[revocationKey]Revocation
}

// SanctionKey is the key of a ban or a mute. An empty room means all rooms.
type SanctionKey struct{ User, Room string }

// Term is the end of a ban or a mute, and the reason for the user.
type Term struct {
	Until  time.Time // the zero time: no end
	Reason string    // empty for none
}

// revocationKey is the key of a revocation. An empty ID means all tokens of the user that were issued before a time.
type revocationKey struct{ user, id string }

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

// merge returns a revocation with the later times of two.
func (rev Revocation) merge(with Revocation) Revocation {
	if rev.IssuedBefore.After(with.IssuedBefore) {
		with.IssuedBefore = rev.IssuedBefore
	}
	if rev.Until.IsZero() || !with.Until.IsZero() && rev.Until.After(with.Until) {
		with.Until = rev.Until
	}
	return with
}

const (
	MaxSlowMode = 24 * time.Hour

	ExpiryInterval = time.Minute // between two searches for sanctions that have ended
)

// newModeration returns a Moderation without sanctions.
func newModeration() *Moderation {
	return &Moderation{
		Now:         time.Now,
		Bans:        map[SanctionKey]Term{},
		mutes:       map[SanctionKey]Term{},
		slow:        map[string]time.Duration{},
		slowMode:    newSlowMode(),
		revocations: map[revocationKey]Revocation{},
	}
}

// isActive reports whether a sanction with an end is active now.
func isActive(until, now time.Time) bool { return until.IsZero() || now.Before(until) }

// Denies reports whether a sanction denies a user an action in a room. With an empty room, only sanctions for all rooms count.
func (m *Moderation) Denies(user string, action Action, room string) bool {
	if user == "" || !m.anySanction.Load() {
		return false
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	if m.isSanctioned(m.Bans, user, room) {
		return true
	}
	return action == ToPublish && m.isSanctioned(m.mutes, user, room)
}

func (m *Moderation) isSanctioned(sanctions map[SanctionKey]Term, user, room string) bool {
	now := m.Now()
	here, isHere := sanctions[SanctionKey{user, room}]
	everywhere, isEverywhere := sanctions[SanctionKey{user, ""}]
	return isHere && isActive(here.Until, now) || isEverywhere && isActive(everywhere.Until, now)
}

// IsRevoked reports whether a token of a user is revoked.
func (m *Moderation) IsRevoked(user string, c TokenIdentity) bool {
	if !m.anySanction.Load() {
		return false
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	now := m.Now()
	if r, is := m.revocations[revocationKey{user, c.ID}]; is && c.ID != "" && isActive(r.Until, now) {
		return true
	}
	// A token without an issue time counts as issued before.
	r, is := m.revocations[revocationKey{user, ""}]
	return is && isActive(r.Until, now) && c.IssuedAt.Before(r.IssuedBefore)
}

// Ban denies a user all actions in a room, or in all rooms if room is empty. It returns false if MaxSanctions are active.
func (m *Moderation) Ban(user, room string, t Term) bool {
	return m.addTerm(m.Bans, SanctionKey{user, room}, t)
}

// Mute denies a user to publish; otherwise it is as Ban.
func (m *Moderation) Mute(user, room string, t Term) bool {
	return m.addTerm(m.mutes, SanctionKey{user, room}, t)
}

func (m *Moderation) addTerm(to map[SanctionKey]Term, key SanctionKey, t Term) bool {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	old := to[key]
	if !sanctionLocked(m, to, key, t) {
		return false
	}
	m.reasons += len(t.Reason) - len(old.Reason)
	return true
}

// Revoke rejects the token of a user with an ID, or, if id is empty, all tokens that were issued before r.IssuedBefore. Of two revocations with
// one key the later times count. It returns false if MaxSanctions are active.
func (m *Moderation) Revoke(user, id string, r Revocation) bool {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if old, is := m.revocations[revocationKey{user, id}]; is {
		r = old.merge(r)
	}
	return sanctionLocked(m, m.revocations, revocationKey{user, id}, r)
}

// Unban removes the ban with that user and room, if there is one.
func (m *Moderation) Unban(user, room string) { m.removeTerm(m.Bans, SanctionKey{user, room}) }

// Unmute removes the mute with that user and room, if there is one.
func (m *Moderation) Unmute(user, room string) { m.removeTerm(m.mutes, SanctionKey{user, room}) }

func (m *Moderation) removeTerm(from map[SanctionKey]Term, key SanctionKey) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.removeTermLocked(from, key)
}

// removeTermLocked removes a ban or a mute, if there is one. m.Mu is held.
func (m *Moderation) removeTermLocked(from map[SanctionKey]Term, key SanctionKey) {
	m.reasons -= len(from[key].Reason)
	delete(from, key)
}

// sanctionLocked adds a sanction. It returns false if MaxSanctions are active. m.Mu is held.
func sanctionLocked[K comparable, V any](m *Moderation, to map[K]V, key K, value V) bool {
	if _, is := to[key]; !is && m.countLocked() >= MaxSanctions {
		if m.expireLocked(); m.countLocked() >= MaxSanctions {
			return false
		}
	}
	to[key] = value
	m.anySanction.Store(true)
	return true
}

// countLocked counts sanctions. m.Mu is held.
func (m *Moderation) countLocked() int {
	return len(m.Bans) + len(m.mutes) + len(m.slow) + len(m.revocations)
}

// expire removes sanctions that have ended, once in ExpiryInterval. Called on the heartbeat.
func (m *Moderation) expire(now time.Time) {
	if !m.anySanction.Load() || now.Sub(m.expired) < ExpiryInterval {
		return
	}
	m.expired = now
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.expireLocked()
}

// expireLocked removes sanctions that have ended. m.Mu is held.
func (m *Moderation) expireLocked() {
	now := m.Now()
	for _, sanctions := range []map[SanctionKey]Term{m.Bans, m.mutes} {
		for key, t := range sanctions {
			if !isActive(t.Until, now) {
				m.removeTermLocked(sanctions, key)
			}
		}
	}
	for token, r := range m.revocations {
		if !isActive(r.Until, now) {
			delete(m.revocations, token)
		}
	}
	m.expirePublishersLocked(now)
	m.anySanction.Store(m.countLocked() > 0)
}
