package chat

import (
	"net/netip"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

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
