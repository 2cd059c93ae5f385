package chat

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/recent"
)

// Slow mode: in a slow room each publisher may publish once in an interval. Any goroutine may call these functions.

const (
	maxSlowModePublishers = 1 << 18  // publishers in all slow rooms; each room has an equal share and evicts its oldest
	guestPublications     = 10       // publications of all guests at one address in an interval
	guestPrefix           = "guest:" // prefix of the users of guests
)

// Publisher is a publisher: a user with all of its connections, or all anonymous connections at one address. A guest can become a new user at
// any time, so guests count by address as well.
type Publisher struct {
	User    string
	Address netip.Addr // address key; not set for a user with an account
}

// publishCount counts the publications of a publisher in a slow room in the current interval.
type publishCount struct {
	since int64 // start of the interval, in Unix nanoseconds
	n     int32
}

// SlowModeCount identifies a publication that slow mode has counted, so that UndoSlowMode can undo it. Nil: not counted.
type SlowModeCount struct {
	room string    // empty: undone. Guarded by Moderation.Mu
	who  Publisher // constant, as the rest
	by   [2]uint64 // keys of the publishers
	at   [2]int64  // starts of their intervals; 0 for none
}

// slowMode has the recent publishers of slow rooms. Guarded by Moderation.Mu.
type slowMode struct {
	seed    maphash.Seed
	rooms   map[string]*recent.Table[publishCount]
	evicted uint64 // publishers that were evicted before their interval ended
}

func newSlowMode() slowMode {
	return slowMode{seed: maphash.MakeSeed(), rooms: map[string]*recent.Table[publishCount]{}}
}

// PublisherOf returns the publisher of a connection; user is empty if it is anonymous.
func PublisherOf(c *fanout.Conn, user string) Publisher {
	if user != "" && !strings.HasPrefix(user, guestPrefix) {
		return Publisher{User: user}
	}
	return Publisher{user, c.AddressKey()}
}

// keys returns the keys that count a publisher, and the limit of each in an interval; 0: no second key.
func (sm *slowMode) keys(of Publisher) (keys [2]uint64, limits [2]int32) {
	keys[0], limits[0] = maphash.Comparable(sm.seed, of), 1
	if of.User != "" && of.Address.IsValid() {
		keys[0] = maphash.Comparable(sm.seed, Publisher{User: of.User})
		keys[1], limits[1] = maphash.Comparable(sm.seed, Publisher{guestPrefix, of.Address}), guestPublications
	}
	return keys, limits
}

// InSlowMode reports whether a room is in slow mode.
func (m *Moderation) InSlowMode(room string) bool {
	if !m.anySanction.Load() {
		return false
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	return m.slow[room] > 0
}

// AllowInSlowMode counts a publication in a room. ok is false if slow mode does not allow it yet. If the publication fails for another
// reason, undo the count with UndoSlowMode.
func (m *Moderation) AllowInSlowMode(by Publisher, room string) (w *SlowModeCount, ok bool) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	pause := m.slow[room].Nanoseconds()
	if pause == 0 {
		return nil, true
	}
	table := m.slowMode.rooms[room]
	if table == nil {
		table = &recent.Table[publishCount]{}
		m.slowMode.rooms[room] = table
	}
	m.trimLocked(table)
	now := m.Now().UnixNano()
	for range 2 { // Put adds at most two entries
		if oldest := table.First(); oldest != nil && now >= oldest.since+pause {
			table.RemoveOldest()
		}
	}
	keys, limits := m.slowMode.keys(by)
	var counts [2]publishCount
	for i, key := range keys {
		counts[i] = publishCount{since: now}
		if before := table.Get(key); before != nil && now < before.since+pause {
			counts[i] = *before
		}
		if limits[i] > 0 && counts[i].n >= limits[i] {
			return nil, false
		}
	}
	w = &SlowModeCount{room: room, who: by, by: keys}
	for i, key := range keys {
		if limits[i] == 0 {
			continue
		}
		counts[i].n++
		w.at[i] = counts[i].since
		if _, full := table.Put(key, counts[i]); full {
			m.slowMode.evicted++
		}
	}
	return w, true
}

// UndoSlowMode undoes the count of a publication that was not published. The second call for it does nothing.
func (m *Moderation) UndoSlowMode(w *SlowModeCount) {
	if w == nil {
		return
	}
	m.Mu.Lock()
	defer m.Mu.Unlock()
	table := m.slowMode.rooms[w.room]
	w.room = ""
	if table == nil {
		return
	}
	for i, key := range w.by {
		count := table.Get(key)
		if w.at[i] == 0 || count == nil || count.since != w.at[i] {
			continue
		}
		if count.n--; count.n == 0 {
			table.Remove(key)
		}
	}
}

// trimLocked evicts publishers of a slow room beyond its share. m.Mu is held.
func (m *Moderation) trimLocked(table *recent.Table[publishCount]) {
	table.Max = maxSlowModePublishers / max(len(m.slow), 1)
	for table.Count > table.Max {
		table.RemoveOldest()
		m.slowMode.evicted++
	}
}

// SetSlowMode sets the slow mode of a room: the interval between two publications of one publisher; 0 ends it. It returns false if MaxSanctions
// are active.
func (m *Moderation) SetSlowMode(room string, pause time.Duration) bool {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if pause == 0 {
		delete(m.slow, room)
		delete(m.slowMode.rooms, room)
		return true
	}
	if !sanctionLocked(m, m.slow, room, pause) {
		return false
	}
	for _, table := range m.slowMode.rooms {
		m.trimLocked(table)
	}
	return true
}

// expirePublishersLocked drops publishers whose interval has ended. m.Mu is held.
func (m *Moderation) expirePublishersLocked(now time.Time) {
	for room, table := range m.slowMode.rooms {
		for oldest := table.First(); oldest != nil && now.UnixNano() >= oldest.since+m.slow[room].Nanoseconds(); oldest = table.First() {
			table.RemoveOldest()
		}
		if table.Count == 0 {
			delete(m.slowMode.rooms, room)
		}
	}
}

// SlowModePublishers returns, for the metrics, the number of publishers in slow rooms, and of publishers that were evicted before their
// interval ended.
func (m *Moderation) SlowModePublishers() (waiting int, evicted uint64) {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	for _, table := range m.slowMode.rooms {
		waiting += table.Count
	}
	return waiting, m.slowMode.evicted
}
