package chat

import (
	"runtime"
	"slices"

	"github.com/throng-chat/throng/server/fanout"
)

// A reload replaces the settings while the chat runs. Actions, joins and rooms created from then on use the new ones. The rooms that exist get
// their options one after another, each under its own lock: no lock is held for longer than a few rooms, and no goroutine of the loop waits.

// roomsAtOnce is the number of rooms that get their options while their stripe is locked.
const roomsAtOnce = 64

// Configure replaces the settings. Memberships stay: permissions hold from the next action on. It blocks until all rooms have their options
// and the histories are within their sizes. Call it on a goroutine of its own, one call at a time.
func (h *Hub) Configure(cfg Config) {
	before, now := h.Settings(), newSettings(cfg)
	if ChangesKinds(before.rooms(), cfg.Rooms) {
		h.Log.Error("the [[room]] tables need a restart, because the rooms that are durable or of a kind change: the tables of before stay in use")
		cfg.Rooms = before.rooms()
		now = newSettings(cfg)
	}
	h.settings.Store(now)
	if mayEndHistories(before, now) {
		h.Positions.dropAll()
	}
	for i := range h.Rooms.stripes {
		in := &h.Rooms.stripes[i]
		for chunk := range slices.Chunk(in.list(), roomsAtOnce) {
			h.configureRooms(in, chunk, now)
			runtime.Gosched() // with one processor the event loop would wait for all rooms
		}
	}
	h.HistoryBudget.resize(cfg.HistoryBytes, h.releaseLocked)
}

// ChangesKinds reports whether the rooms that are durable, or the chat rooms, may differ between two lists of options. Such a change needs a
// restart: the log has the positions of durable rooms, and a chat room has the messages that its history is folded to.
func ChangesKinds(before, now []RoomOptions) bool {
	type kind struct {
		pattern                string
		history, durable, chat bool
	}
	kinds := func(rooms []RoomOptions) (all []kind) {
		last := 0 // the tables behind the last one of these have no other rooms of them
		for i, o := range rooms {
			all = append(all, kind{o.Pattern, o.HistorySize > 0, o.Durable, o.IsChat()})
			if o.Durable || o.IsChat() {
				last = i + 1
			}
		}
		return all[:last]
	}
	return !slices.Equal(kinds(before), kinds(now))
}

// rooms returns the options of the patterns.
func (s *Settings) rooms() (all []RoomOptions) {
	for i := range s.patterns {
		o := s.patterns[i].RoomOptions
		o.Durable = o.Durable && !s.patterns[i].inMemory
		all = append(all, o)
	}
	return all
}

// list returns the rooms of a stripe.
func (in *Stripe) list() []*Room {
	in.Mu.Lock()
	defer in.Mu.Unlock()
	all := make([]*Room, 0, len(in.rooms))
	for _, r := range in.rooms {
		all = append(all, r)
	}
	return all
}

// configureRooms gives rooms of a stripe their options. A room that was created meanwhile has them already.
func (h *Hub) configureRooms(in *Stripe, rooms []*Room, now *Settings) {
	options := make([]*Options, len(rooms))
	for i, r := range rooms {
		options[i] = now.optionsOf(r.Name) // without the lock: there may be 1,000 patterns
	}
	var wake uint64
	in.Mu.Lock()
	for i, r := range rooms {
		if in.rooms[r.Name] == r && r.Options().from != now {
			wake |= h.setOptionsLocked(r, options[i])
			h.releaseLocked(r)
		}
	}
	in.Mu.Unlock()
	h.Wake(wake)
}

// setOptionsLocked replaces the options of a room, and brings its history and presence in line with them. It returns the shards to wake. The
// room's lock is held.
func (h *Hub) setOptionsLocked(r *Room, to *Options) (wake uint64) {
	before := r.Options()
	r.options.Store(to)
	h.setHistoryLocked(r, before, to)
	if before.Delta && !to.Delta {
		r.DeltaBase = nil // the next publication is sent in full
	}
	if before.JoinLeave && !to.JoinLeave {
		h.discardEventsLocked(r)
	}
	switch {
	case before.Presence && !to.Presence:
		r.Presence.clear()
	case to.Presence && !before.Presence:
		wake = h.collectPresenceLocked(r)
	}
	return wake
}

// setHistoryLocked brings the history of a room in line with its new options. The room's lock is held.
func (h *Hub) setHistoryLocked(r *Room, before, to *Options) {
	switch {
	case to.HistorySize == before.HistorySize && to.HistoryTTL == before.HistoryTTL:
	case to.HistorySize == 0:
		// Publications without a history have no offsets. With another history, the room begins a new epoch: a position from before would
		// hide them.
		h.HistoryBudget.Clear(r)
		h.Positions.forget(r.Name)
		r.History.LastOffset, r.History.Epoch = 0, ""
		r.version = Version{}
	case before.HistorySize == 0:
		at := h.Positions.take(r.Name)
		r.History.Epoch, r.History.LastOffset = at.Epoch, at.Offset
	default:
		h.expireLocked(r)
		h.HistoryBudget.shrink(r, to.HistorySize)
		if r.scheduled { // with the TTL of before
			r.Stripe.retention.Remove(r)
			r.scheduled = false
			h.scheduleExpiryLocked(r)
		}
	}
}

// collectPresenceLocked makes the members of a room list themselves in the presence, which the options did not have before. It returns the
// shards to wake. The room's lock is held.
func (h *Hub) collectPresenceLocked(r *Room) (wake uint64) {
	for _, t := range r.Topics {
		if t.Members == 0 || t.Format.Encoding() == PlainFormat {
			continue
		}
		wake |= t.Shard.Push(fanout.Job{Do: fanout.CallBack, Call: func() {
			t.EachMember(func(m *fanout.Member) {
				if c, ok := m.Conn.Handler.(presenceMember); ok {
					c.ListPresence(r)
				}
			})
		}})
	}
	return wake
}

// presenceMember is the client of a connection that has memberships with presence.
type presenceMember interface {
	// ListPresence makes the client call Hub.AddPresence with its membership in a room, on its poller. It does not block.
	ListPresence(*Room)
}

// AddPresence adds a member to the presence of its room, unless it is listed or the options have no presence. Called on the client's poller.
func (h *Hub) AddPresence(m *Membership) {
	m.Room.Stripe.Mu.Lock()
	defer m.Room.Stripe.Mu.Unlock()
	if m.Room.Options().Presence && !m.Room.Presence.has(&m.PresenceEntry) {
		h.listLocked(m, m.Room)
	}
}

// mayEndHistories reports whether a room may have had a history with the settings before, and has none now.
func mayEndHistories(before, now *Settings) bool {
	type kind struct {
		pattern string
		history bool
	}
	kinds := func(s *Settings) (all []kind) {
		for i := range s.patterns {
			all = append(all, kind{s.patterns[i].Pattern, s.patterns[i].HistorySize > 0})
		}
		return all
	}
	was, is := kinds(before), kinds(now)
	var common []kind
	for _, k := range was {
		switch {
		case slices.Contains(is, k):
			common = append(common, k)
		case k.history:
			return true // without a history now, or the options of another pattern hold
		}
	}
	for _, k := range is {
		switch {
		case slices.Contains(was, k):
			if len(common) == 0 || common[0] != k {
				return true // another order
			}
			common = common[1:]
		case !k.history:
			return true // it may take rooms from a pattern with a history
		}
	}
	return false
}
