package chat

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/recent"
)

// Slow mode: in a slow room each publisher may publish once in a pause. Any goroutine may ask.

const (
	MaxSpoke        = 1 << 18 // publishers remembered in all slow rooms; each room has an equal share, its oldest go first
	GuestsOfAddress = 10      // publications of all guests of one address in a pause
	GuestUser       = "guest:"
)

// Speaker is a publisher: a user over all of its connections, or all connections without a user at one address. A guest is a user,
// but it can make itself a new one at any time, so guests are counted by address as well.
type Speaker struct {
	User    string
	Address netip.Addr // not of a user that has an account
}

// spoken is what a publisher did in a slow room since a moment.
type spoken struct {
	since int64 // unix nanoseconds
	times int32
}

// SpokenWord is a publication as slow mode counted it. The zero value was not counted.
type SpokenWord struct {
	room string
	by   [2]uint64 // publishers, by key
	at   [2]int64  // since when their publications are counted; 0 for none
}

// slowMode is what moderation knows of those who published in slow rooms. Guarded by moderation.mu.
type slowMode struct {
	seed   maphash.Seed
	Rooms  map[string]*recent.Table[spoken]
	forgot uint64 // publishers that were forgotten before their pause was over
}

func newSlowMode() slowMode {
	return slowMode{seed: maphash.MakeSeed(), Rooms: map[string]*recent.Table[spoken]{}}
}

// SpeakerOf is who a connection is in slow rooms.
func SpeakerOf(c *fanout.Conn, user string) Speaker {
	if user != "" && !strings.HasPrefix(user, GuestUser) {
		return Speaker{User: user}
	}
	return Speaker{user, c.Household()}
}

// keys are those that a speaker is counted by, and how often each may publish in a pause.
func (sm *slowMode) keys(who Speaker) (keys [2]uint64, most [2]int32) {
	keys[0], most[0] = maphash.Comparable(sm.seed, who), 1
	if who.User != "" && who.Address.IsValid() {
		keys[0] = maphash.Comparable(sm.seed, Speaker{User: who.User})
		keys[1], most[1] = maphash.Comparable(sm.seed, Speaker{GuestUser, who.Address}), GuestsOfAddress
	}
	return keys, most
}

// Slows says whether a room is in slow mode.
func (m *Moderation) Slows(room string) bool {
	if !m.Any.Load() {
		return false
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	return m.slow[room] > 0
}

// MaySpeak holds a speaker to the slow mode of a room, and counts what it says now. Return the word if it is not said after all.
func (m *Moderation) MaySpeak(who Speaker, room string) (w SpokenWord, ok bool) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	pause := m.slow[room].Nanoseconds()
	if pause == 0 {
		return SpokenWord{}, true
	}
	table := m.Spoke.Rooms[room]
	if table == nil {
		table = &recent.Table[spoken]{}
		m.Spoke.Rooms[room] = table
	}
	m.trimLocked(table)
	now := m.Now().UnixNano()
	for range 2 { // as many as may be added
		if oldest := table.First(); oldest != nil && now >= oldest.since+pause {
			table.RemoveOldest()
		}
	}
	keys, most := m.Spoke.keys(who)
	var counts [2]spoken
	for i, key := range keys {
		counts[i] = spoken{since: now}
		if before := table.Get(key); before != nil && now < before.since+pause {
			counts[i] = *before
		}
		if most[i] > 0 && counts[i].times >= most[i] {
			return SpokenWord{}, false
		}
	}
	w = SpokenWord{room: room, by: keys}
	for i, key := range keys {
		if most[i] == 0 {
			continue
		}
		counts[i].times++
		w.at[i] = counts[i].since
		if _, full := table.Put(key, counts[i]); full {
			m.Spoke.forgot++
		}
	}
	return w, true
}

// TakeBack is for a word that was not said: its publisher need not wait for it.
func (m *Moderation) TakeBack(w SpokenWord) {
	if w.room == "" {
		return
	}
	m.Mu.Lock()
	defer m.Mu.Unlock()
	table := m.Spoke.Rooms[w.room]
	if table == nil {
		return
	}
	for i, key := range w.by {
		count := table.Get(key)
		if w.at[i] == 0 || count == nil || count.since != w.at[i] {
			continue
		}
		if count.times--; count.times == 0 {
			table.Remove(key)
		}
	}
}

// trimLocked holds a slow room to its share. m.mu is held.
func (m *Moderation) trimLocked(table *recent.Table[spoken]) {
	table.Most = MaxSpoke / max(len(m.slow), 1)
	for table.Count > table.Most {
		table.RemoveOldest()
		m.Spoke.forgot++
	}
}

// SlowDown sets a room's slow mode; 0 ends it. It is false where there are too many sanctions already.
func (m *Moderation) SlowDown(room string, pause time.Duration) bool {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if pause == 0 {
		delete(m.slow, room)
		delete(m.Spoke.Rooms, room)
		return true
	}
	if !sanctionLocked(m, m.slow, room, pause) {
		return false
	}
	for _, table := range m.Spoke.Rooms {
		m.trimLocked(table)
	}
	return true
}

// forgetSpeakersLocked forgets those who need wait no more. m.mu is held.
func (m *Moderation) forgetSpeakersLocked(now time.Time) {
	for room, table := range m.Spoke.Rooms {
		for oldest := table.First(); oldest != nil && now.UnixNano() >= oldest.since+m.slow[room].Nanoseconds(); oldest = table.First() {
			table.RemoveOldest()
		}
		if table.Count == 0 {
			delete(m.Spoke.Rooms, room)
		}
	}
}

// Speakers returns how many publishers must wait, about, and how many were forgotten before their time.
func (m *Moderation) Speakers() (waiting int, forgot uint64) {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	for _, table := range m.Spoke.Rooms {
		waiting += table.Count
	}
	return waiting, m.Spoke.forgot
}
