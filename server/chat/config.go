package chat

import (
	"net/netip"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

// Config has the settings of the chat. Rates are per second; 0 is no limit.
type Config struct {
	Rooms                 []RoomOptions
	OtherRooms            string // access to rooms that no pattern matches: RoomsOpen, RoomsSignedIn or RoomsClosed
	Names                 NameRules
	Guests                bool
	HistoryBytes          int // of all histories
	MaxConnectionsUser    int
	MaxConnectionsAddress int
	CountsAddresses       bool // keep the address of each connection even without a limit per address; see Hub.countsAddresses
	Rate                  int  // messages or commands per connection
	RateUser              int  // publications per user
	RateAddress           int  // commands per address
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
	h.HistoryBudget.onEvict = h.releaseLocked
	return h
}
