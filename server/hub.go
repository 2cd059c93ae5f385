package server

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/wheel"
)

// hub knows the rooms and gives every message its place in the order of its room: what is posted under the lock of a room's stripe
// reaches each shard in the order in which it was posted, so all members of a room hear the same sequence.
type hub struct {
	// Constant after newChat.
	*fanout.Engine
	messageRate     limiter.Rate
	userRate        limiter.Rate
	addressRate     limiter.Rate
	patterns        []RoomOptions
	anyRoom         RoomOptions // what a room offers that no pattern fits
	closed          bool        // such rooms are for the application alone
	names           nameRules
	guests          bool
	maxOfUser       int
	maxOfAddress    int
	countsAddresses bool
	moderation      *moderation
	formats         formats

	rooms        *rooms
	archive      archive
	positions    *positions
	said         said
	pendingBytes atomic.Int64 // of joins and leaves that wait to be sent, in all rooms

	usersMu      sync.Mutex // a leaf
	users        map[string]*user
	spentByUsers limiter.Parked[string]
	words        words

	addressesMu      sync.Mutex // a leaf
	addresses        map[netip.Addr]*address
	spentByAddresses limiter.Parked[netip.Addr]
}

// chatConfig is what the chat is configured by. Rates are a second.
type chatConfig struct {
	rooms                 []RoomOptions
	otherRooms            string // who may use rooms that no pattern fits: open, signed-in or closed
	names                 nameRules
	guests                bool
	historyBytes          int
	maxConnectionsUser    int
	maxConnectionsAddress int
	countsAddresses       bool // also where there is no limit
	rate                  int  // messages or commands of a connection
	rateUser              int  // publications
	rateAddress           int  // commands
}

func newChat(cfg chatConfig, f formats, e *fanout.Engine) *hub {
	h := &hub{
		Engine:          e,
		messageRate:     limiter.PerSecond(cfg.rate),
		userRate:        limiter.PerSecond(cfg.rateUser),
		addressRate:     limiter.PerSecond(cfg.rateAddress),
		patterns:        cfg.rooms,
		anyRoom:         otherRoom(cfg.otherRooms),
		closed:          cfg.otherRooms == roomsClosed,
		names:           cfg.names,
		guests:          cfg.guests,
		maxOfUser:       cfg.maxConnectionsUser,
		maxOfAddress:    cfg.maxConnectionsAddress,
		countsAddresses: cfg.countsAddresses || cfg.maxConnectionsAddress > 0 || cfg.rateAddress > 0,
		moderation:      newModeration(),
		formats:         f,

		users:     map[string]*user{},
		addresses: map[netip.Addr]*address{},
		archive:   archive{most: cfg.historyBytes},
		positions: newPositions(),
	}
	h.rooms = newRooms(h)
	h.archive.evictedFrom = h.tidyLocked
	return h
}

// roomLocked is the room of that name, made where there is none. in is the stripe of that name; its lock is held.
func (h *hub) roomLocked(in *stripe, name string) *room {
	r := in.rooms[name]
	if r == nil {
		// The name may be a part of a request's head, or of a frame.
		r = newRoom(in, strings.Clone(name), h.optionsOf(name), len(h.Shards))
		if r.options.HistorySize > 0 {
			at := h.positions.take(name)
			r.history.epoch, r.history.top = at.epoch, at.offset
		}
		in.rooms[r.Name] = r
	}
	return r
}

// tidyLocked forgets a room that nobody is in, unless it remembers publications. The room's lock is held.
func (h *hub) tidyLocked(r *room) {
	if r.members == 0 {
		h.discardEventsLocked(r)
	}
	switch {
	case r.members > 0 || r.stripe.rooms[r.Name] != r:
	case r.history.count > 0:
		r.last = nil
		h.keepLocked(r)
	default:
		h.forgetLocked(r)
	}
}

// onTick is called on the heartbeat at each tick.
func (h *hub) onTick(now time.Time, tick wheel.Tick) {
	h.age(tick)
	h.announce()
	h.moderation.expire(now)
}
