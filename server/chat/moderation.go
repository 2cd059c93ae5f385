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

	Mu          sync.RWMutex              // a leaf
	reserved    int                       // places of sanctions that are being stored
	Bans        map[SanctionKey]time.Time // end; the zero time: no end
	mutes       map[SanctionKey]time.Time
	slow        map[string]time.Duration // by room: the minimum between two publications of one user
	slowMode    slowMode
	revocations map[revocationKey]Revocation
}

// SanctionKey is the key of a ban or a mute. An empty room means all rooms.
type SanctionKey struct{ User, Room string }

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
	MaxSanctions = 1 << 16 // bans, mutes, slow rooms and revocations together
	MaxSlowMode  = 24 * time.Hour

	// MaxModeratorSanctions is the number of sanctions from which on moderators of rooms impose no further ones. A user that may create rooms is
	// the owner of one, and the application must always have places.
	MaxModeratorSanctions = MaxSanctions / 2

	ExpiryInterval = time.Minute // between two searches for sanctions that have ended
)

// newModeration returns a Moderation without sanctions.
func newModeration() *Moderation {
	return &Moderation{
		Now:         time.Now,
		Bans:        map[SanctionKey]time.Time{},
		mutes:       map[SanctionKey]time.Time{},
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

func (m *Moderation) isSanctioned(sanctions map[SanctionKey]time.Time, user, room string) bool {
	now := m.Now()
	here, isHere := sanctions[SanctionKey{user, room}]
	everywhere, isEverywhere := sanctions[SanctionKey{user, ""}]
	return isHere && isActive(here, now) || isEverywhere && isActive(everywhere, now)
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

// Ban denies a user all actions in a room, or in all rooms if room is empty, until a time; the zero time: without end. It returns false if
// MaxSanctions are active.
func (m *Moderation) Ban(user, room string, until time.Time) bool {
	return sanction(m, m.Bans, SanctionKey{user, room}, until)
}

// Mute denies a user to publish; otherwise it is as Ban.
func (m *Moderation) Mute(user, room string, until time.Time) bool {
	return sanction(m, m.mutes, SanctionKey{user, room}, until)
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
func (m *Moderation) Unban(user, room string) { remove(m, m.Bans, SanctionKey{user, room}) }

// Unmute removes the mute with that user and room, if there is one.
func (m *Moderation) Unmute(user, room string) { remove(m, m.mutes, SanctionKey{user, room}) }

// sanction adds a sanction. It returns false if MaxSanctions are active.
func sanction[K comparable, V any](m *Moderation, to map[K]V, key K, value V) bool {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	return sanctionLocked(m, to, key, value)
}

// sanctionLocked is sanction; m.Mu is held.
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

// remove removes a sanction, if there is one.
func remove[K comparable, V any](m *Moderation, from map[K]V, key K) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	delete(from, key)
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
	for _, sanctions := range []map[SanctionKey]time.Time{m.Bans, m.mutes} {
		for key, until := range sanctions {
			if !isActive(until, now) {
				delete(sanctions, key)
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
