package chat

import (
	"sync"
	"sync/atomic"
	"time"
)

// Moderation is what the application has forbidden: to users, in one room or in all of them; to tokens; and in a room, to
// speak often. It outlives the rooms' members, but not the process. Any goroutine may use it.
type Moderation struct {
	Now func() time.Time

	Any atomic.Bool // something stands, or stood a moment ago: spares the lock where nothing ever does

	expired time.Time // when that was looked for last; owned by the heartbeat

	Mu          sync.RWMutex             // a leaf
	Bans        map[Sanctioned]time.Time // until when; the zero time for ever
	mutes       map[Sanctioned]time.Time
	slow        map[string]time.Duration // of a room: between two publications of one user
	Spoke       slowMode
	revocations map[revoked]Revocation
}

// Sanctioned is a user in a room; in every room where that is empty.
type Sanctioned struct{ User, Room string }

// revoked is a token of a user; all that were issued before some moment where id is empty.
type revoked struct{ user, id string }

// Credential is what of a token decides whether it is revoked.
type Credential struct {
	Id     string
	Issued time.Time
}

type Revocation struct {
	IssuedBefore time.Time
	Until        time.Time // when it may be forgotten, as the tokens have expired; the zero time for never
}

const (
	MaxSanctions   = 1 << 16 // bans, mutes, slow rooms and revocations together
	MaxSlowMode    = 24 * time.Hour
	ForgetInterval = time.Minute // between two looks for sanctions that have had their time
)

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

// stands says whether something that holds until a moment holds now.
func stands(until, now time.Time) bool { return until.IsZero() || now.Before(until) }

// Forbids says whether a user may not do something in a room; with no room, in any.
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

// Refuses says whether a user's token was revoked.
func (m *Moderation) Refuses(user string, c Credential) bool {
	if !m.Any.Load() {
		return false
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	now := m.Now()
	if r, is := m.revocations[revoked{user, c.Id}]; is && c.Id != "" && stands(r.Until, now) {
		return true
	}
	// A token that does not say when it was issued may be one of those before.
	r, is := m.revocations[revoked{user, ""}]
	return is && stands(r.Until, now) && c.Issued.Before(r.IssuedBefore)
}

// Ban, mute and revoke are false where there are too many sanctions already.
func (m *Moderation) Ban(user, room string, until time.Time) bool {
	return sanction(m, m.Bans, Sanctioned{user, room}, until)
}

func (m *Moderation) Mute(user, room string, until time.Time) bool {
	return sanction(m, m.mutes, Sanctioned{user, room}, until)
}

// Revoke refuses a token of a user, or, where id is empty, all that were issued before a moment. A later moment stands.
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

func (m *Moderation) Unban(user, room string)  { Lift(m, m.Bans, Sanctioned{user, room}) }
func (m *Moderation) Unmute(user, room string) { Lift(m, m.mutes, Sanctioned{user, room}) }

// sanction adds one to those that stand; false where there are too many.
func sanction[K comparable, V any](m *Moderation, to map[K]V, key K, value V) bool {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	return sanctionLocked(m, to, key, value)
}

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

func Lift[K comparable, V any](m *Moderation, from map[K]V, key K) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	delete(from, key)
}

func (m *Moderation) countLocked() int {
	return len(m.Bans) + len(m.mutes) + len(m.slow) + len(m.revocations)
}

// Expire forgets, now and then, what has had its time. Called on the heartbeat.
func (m *Moderation) Expire(now time.Time) {
	if !m.Any.Load() || now.Sub(m.expired) < ForgetInterval {
		return
	}
	m.expired = now
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.ForgetLocked()
}

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
