package chat

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

// Hub knows the rooms and gives every message its place in the order of its room: what is posted under the lock of a room's stripe
// reaches each shard in the order in which it was posted, so all members of a room hear the same sequence.
type Hub struct {
	// Constant after newChat.
	*fanout.Engine
	MessageRate     limiter.Rate
	userRate        limiter.Rate
	addressRate     limiter.Rate
	patterns        []RoomOptions
	anyRoom         RoomOptions // what a room offers that no pattern fits
	closed          bool        // such rooms are for the application alone
	Names           NameRules
	Guests          bool
	maxOfUser       int
	maxOfAddress    int
	countsAddresses bool
	Moderation      *Moderation
	formats         Formats

	Rooms        *rooms
	Archive      Archive
	Positions    *positions
	said         Said
	PendingBytes atomic.Int64 // of joins and leaves that wait to be sent, in all rooms

	UsersMu      sync.Mutex // a leaf
	users        map[string]*User
	spentByUsers limiter.Parked[string]
	Words        Words

	AddressesMu      sync.Mutex // a leaf
	Addresses        map[netip.Addr]*Address
	spentByAddresses limiter.Parked[netip.Addr]
}

// Config is what the chat is configured by. Rates are a second.
type Config struct {
	Rooms                 []RoomOptions
	OtherRooms            string // who may use rooms that no pattern fits: open, signed-in or closed
	Names                 NameRules
	Guests                bool
	HistoryBytes          int
	MaxConnectionsUser    int
	MaxConnectionsAddress int
	CountsAddresses       bool // also where there is no limit
	Rate                  int  // messages or commands of a connection
	RateUser              int  // publications
	RateAddress           int  // commands
}

func New(cfg Config, f Formats, e *fanout.Engine) *Hub {
	h := &Hub{
		Engine:          e,
		MessageRate:     limiter.PerSecond(cfg.Rate),
		userRate:        limiter.PerSecond(cfg.RateUser),
		addressRate:     limiter.PerSecond(cfg.RateAddress),
		patterns:        cfg.Rooms,
		anyRoom:         otherRoom(cfg.OtherRooms),
		closed:          cfg.OtherRooms == RoomsClosed,
		Names:           cfg.Names,
		Guests:          cfg.Guests,
		maxOfUser:       cfg.MaxConnectionsUser,
		maxOfAddress:    cfg.MaxConnectionsAddress,
		countsAddresses: cfg.CountsAddresses || cfg.MaxConnectionsAddress > 0 || cfg.RateAddress > 0,
		Moderation:      NewModeration(),
		formats:         f,

		users:     map[string]*User{},
		Addresses: map[netip.Addr]*Address{},
		Archive:   Archive{Most: cfg.HistoryBytes},
		Positions: NewPositions(),
	}
	h.Rooms = newRooms(h)
	h.Archive.EvictedFrom = h.tidyLocked
	return h
}

// RoomLocked is the room of that name, made where there is none. in is the stripe of that name; its lock is held.
func (h *Hub) RoomLocked(in *Stripe, name string) *Room {
	if r := in.Rooms[name]; r != nil {
		return r
	}
	return h.makeLocked(in, h.ViewOf(name))
}

// roomOfViewLocked is as RoomLocked, of a room that has been looked up.
func (h *Hub) roomOfViewLocked(in *Stripe, v View) *Room {
	if r := in.Rooms[v.Name]; r != nil {
		return r
	}
	return h.makeLocked(in, v)
}

// makeLocked makes a room that is not there. Its lock is held.
func (h *Hub) makeLocked(in *Stripe, v View) *Room {
	// The name may be a part of a request's head, or of a frame.
	r := NewRoom(in, strings.Clone(v.Name), v.Options, len(h.Shards))
	if r.Options.HistorySize > 0 {
		at := h.Positions.take(r.Name)
		r.History.Epoch, r.History.Top = at.Epoch, at.Offset
	}
	in.Rooms[r.Name] = r
	return r
}

// tidyLocked forgets a room that nobody is in, unless it remembers publications. The room's lock is held.
func (h *Hub) tidyLocked(r *Room) {
	if r.Members == 0 {
		h.discardEventsLocked(r)
	}
	switch {
	case r.Members > 0 || r.Stripe.Rooms[r.Name] != r:
	case r.History.Count > 0:
		r.Last = nil
		h.keepLocked(r)
	default:
		h.ForgetLocked(r)
	}
}

// OnTick is called on the heartbeat at each tick.
func (h *Hub) OnTick(now time.Time, tick wheel.Tick) {
	h.Age(tick)
	h.Announce()
	h.Moderation.Expire(now)
}
