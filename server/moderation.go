package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// moderation is what the application has forbidden: to users, in one room or in all of them; to tokens; and in a room, to
// speak often. It outlives the rooms' members, but not the process. Any goroutine may use it.
type moderation struct {
	now func() time.Time

	any atomic.Bool // something stands, or stood a moment ago: spares the lock where nothing ever does

	expired time.Time // when that was looked for last; owned by the heartbeat

	mu          sync.RWMutex             // a leaf
	bans        map[sanctioned]time.Time // until when; the zero time for ever
	mutes       map[sanctioned]time.Time
	slow        map[string]time.Duration // of a room: between two publications of one user
	spoke       slowMode
	revocations map[revoked]revocation
}

// sanctioned is a user in a room; in every room where that is empty.
type sanctioned struct{ user, room string }

// revoked is a token of a user; all that were issued before some moment where id is empty.
type revoked struct{ user, id string }

// credential is what of a token decides whether it is revoked.
type credential struct {
	id     string
	issued time.Time
}

type revocation struct {
	issuedBefore time.Time
	until        time.Time // when it may be forgotten, as the tokens have expired; the zero time for never
}

const (
	maxSanctions   = 1 << 16 // bans, mutes, slow rooms and revocations together
	maxSlowMode    = 24 * time.Hour
	forgetInterval = time.Minute // between two looks for sanctions that have had their time
)

func newModeration() *moderation {
	return &moderation{
		now:         time.Now,
		bans:        map[sanctioned]time.Time{},
		mutes:       map[sanctioned]time.Time{},
		slow:        map[string]time.Duration{},
		spoke:       newSlowMode(),
		revocations: map[revoked]revocation{},
	}
}

// stands says whether something that holds until a moment holds now.
func stands(until, now time.Time) bool { return until.IsZero() || now.Before(until) }

// forbids says whether a user may not do something in a room; with no room, in any.
func (m *moderation) forbids(user string, d deed, room string) bool {
	if user == "" || !m.any.Load() {
		return false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.holds(m.bans, user, room) {
		return true
	}
	return d == toPublish && m.holds(m.mutes, user, room)
}

func (m *moderation) holds(sanctions map[sanctioned]time.Time, user, room string) bool {
	now := m.now()
	here, isHere := sanctions[sanctioned{user, room}]
	everywhere, isEverywhere := sanctions[sanctioned{user, ""}]
	return isHere && stands(here, now) || isEverywhere && stands(everywhere, now)
}

// refuses says whether a user's token was revoked.
func (m *moderation) refuses(user string, c credential) bool {
	if !m.any.Load() {
		return false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	now := m.now()
	if r, is := m.revocations[revoked{user, c.id}]; is && c.id != "" && stands(r.until, now) {
		return true
	}
	// A token that does not say when it was issued may be one of those before.
	r, is := m.revocations[revoked{user, ""}]
	return is && stands(r.until, now) && c.issued.Before(r.issuedBefore)
}

// ban, mute and revoke are false where there are too many sanctions already.
func (m *moderation) ban(user, room string, until time.Time) bool {
	return sanction(m, m.bans, sanctioned{user, room}, until)
}

func (m *moderation) mute(user, room string, until time.Time) bool {
	return sanction(m, m.mutes, sanctioned{user, room}, until)
}

// revoke refuses a token of a user, or, where id is empty, all that were issued before a moment. A later moment stands.
func (m *moderation) revoke(user, id string, r revocation) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, is := m.revocations[revoked{user, id}]
	if is && old.issuedBefore.After(r.issuedBefore) {
		r.issuedBefore = old.issuedBefore
	}
	if is && (old.until.IsZero() || !r.until.IsZero() && old.until.After(r.until)) {
		r.until = old.until
	}
	return sanctionLocked(m, m.revocations, revoked{user, id}, r)
}

func (m *moderation) unban(user, room string)  { lift(m, m.bans, sanctioned{user, room}) }
func (m *moderation) unmute(user, room string) { lift(m, m.mutes, sanctioned{user, room}) }

// sanction adds one to those that stand; false where there are too many.
func sanction[K comparable, V any](m *moderation, to map[K]V, key K, value V) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sanctionLocked(m, to, key, value)
}

func sanctionLocked[K comparable, V any](m *moderation, to map[K]V, key K, value V) bool {
	if _, is := to[key]; !is && m.countLocked() >= maxSanctions {
		if m.forgetLocked(); m.countLocked() >= maxSanctions {
			return false
		}
	}
	to[key] = value
	m.any.Store(true)
	return true
}

func lift[K comparable, V any](m *moderation, from map[K]V, key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(from, key)
}

func (m *moderation) countLocked() int {
	return len(m.bans) + len(m.mutes) + len(m.slow) + len(m.revocations)
}

// expire forgets, now and then, what has had its time. Called on the heartbeat.
func (m *moderation) expire(now time.Time) {
	if !m.any.Load() || now.Sub(m.expired) < forgetInterval {
		return
	}
	m.expired = now
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgetLocked()
}

func (m *moderation) forgetLocked() {
	now := m.now()
	for _, sanctions := range []map[sanctioned]time.Time{m.bans, m.mutes} {
		for who, until := range sanctions {
			if !stands(until, now) {
				delete(sanctions, who)
			}
		}
	}
	for token, r := range m.revocations {
		if !stands(r.until, now) {
			delete(m.revocations, token)
		}
	}
	m.forgetSpeakersLocked(now)
	m.any.Store(m.countLocked() > 0)
}
