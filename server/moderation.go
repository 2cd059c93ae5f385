package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// moderation is what the application has forbidden to users: in one room, or in all of them. It outlives the rooms'
// members, but not the process.
type moderation struct {
	now func() time.Time

	any atomic.Bool // something is forbidden, or was: spares the lock where nothing ever is

	mu    sync.RWMutex             // a leaf
	bans  map[sanctioned]time.Time // until when
	mutes map[sanctioned]time.Time
}

// sanctioned is a user in a room; in every room where that is empty.
type sanctioned struct{ user, room string }

func newModeration() *moderation {
	return &moderation{now: time.Now, bans: map[sanctioned]time.Time{}, mutes: map[sanctioned]time.Time{}}
}

// forbids says whether a user may not do something in a room. Any goroutine may call it.
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
	return now.Before(sanctions[sanctioned{user, room}]) || now.Before(sanctions[sanctioned{user, ""}])
}
