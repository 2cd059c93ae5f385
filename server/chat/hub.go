package chat

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

// Hub owns the rooms and assigns the order in each. Jobs that are posted under the lock of a room's stripe reach each shard in the order
// of posting, so all members of a room receive the same sequence. Any goroutine may call its methods, unless their
// comments restrict that.
type Hub struct {
	// Constant after New.
	*fanout.Engine
	MessageRate           limiter.Rate
	userRate              limiter.Rate
	addressRate           limiter.Rate
	patterns              []RoomOptions
	anyRoom               RoomOptions // of rooms that no pattern matches
	closed                bool        // only the application may use such rooms
	Names                 NameRules
	Guests                bool
	maxUserConnections    int
	maxAddressConnections int
	countsAddresses       bool // connections have an Address: a limit is per address, or a trusted proxy gives the address, which is stored nowhere else
	Moderation            *Moderation
	formats               Formats

	Rooms            *rooms
	HistoryBudget    historyBudget
	Positions        *positionTable
	idempotency      idempotencyCache
	queuedEventBytes atomic.Int64 // of queued join and leave events, in all rooms

	UsersMu             sync.Mutex // a leaf
	users               map[string]*User
	parkedUserMeters    limiter.Parked[string]
	PendingUserCommands pendingUserCommands

	AddressesMu         sync.Mutex // a leaf
	Addresses           map[netip.Addr]*Address
	parkedAddressMeters limiter.Parked[netip.Addr]
}

// New returns a hub without rooms. The caller calls OnTick on the heartbeat.
func New(cfg Config, f Formats, e *fanout.Engine) *Hub {
	h := &Hub{
		Engine:                e,
		MessageRate:           limiter.PerSecond(cfg.Rate),
		userRate:              limiter.PerSecond(cfg.RateUser),
		addressRate:           limiter.PerSecond(cfg.RateAddress),
		patterns:              cfg.Rooms,
		anyRoom:               otherRoom(cfg.OtherRooms),
		closed:                cfg.OtherRooms == RoomsClosed,
		Names:                 cfg.Names,
		Guests:                cfg.Guests,
		maxUserConnections:    cfg.MaxConnectionsUser,
		maxAddressConnections: cfg.MaxConnectionsAddress,
		countsAddresses:       cfg.CountsAddresses || cfg.MaxConnectionsAddress > 0 || cfg.RateAddress > 0,
		Moderation:            newModeration(),
		formats:               f,

		users:         map[string]*User{},
		Addresses:     map[netip.Addr]*Address{},
		HistoryBudget: historyBudget{maxBytes: cfg.HistoryBytes},
		Positions:     newPositionTable(),
	}
	h.Rooms = newRooms(h)
	return h
}
