package chat

import (
	"slices"

	"github.com/throng-chat/throng/server/limiter"
)

// Settings are the settings of the chat that a reload replaces (Hub.Configure). They are immutable. An act loads them once, so that it sees
// either the old or the new ones.
type Settings struct {
	MessageRate           limiter.Rate
	userRate              limiter.Rate
	addressRate           limiter.Rate
	patterns              []Options
	index                 optionsIndex // of patterns
	anyRoom               Options      // of rooms that no pattern matches
	closed                bool         // only the application may use such rooms
	UsesRosters           bool         // the options of some room use rosters
	HasChats              bool         // there are chat rooms
	hasContexts           bool         // some room may have a compression context
	Names                 NameRules
	Guests                bool
	maxUserConnections    int
	maxAddressConnections int
	countsAddresses       bool // connections have an Address: a limit is per address, or a trusted proxy gives the address, which is stored nowhere else
}

// Options are the options of a room, and the settings that have them. They are immutable.
type Options struct {
	RoomOptions
	from     *Settings
	inMemory bool // in a cluster: not durable, but its log is that in memory, so Durable is set
}

func newSettings(cfg Config) *Settings {
	s := &Settings{
		MessageRate:           limiter.PerSecond(cfg.Rate),
		userRate:              limiter.PerSecond(cfg.RateUser),
		addressRate:           limiter.PerSecond(cfg.RateAddress),
		closed:                cfg.OtherRooms == RoomsClosed,
		Names:                 cfg.Names,
		Guests:                cfg.Guests,
		maxUserConnections:    cfg.MaxConnectionsUser,
		maxAddressConnections: cfg.MaxConnectionsAddress,
		countsAddresses:       cfg.CountsAddresses || cfg.MaxConnectionsAddress > 0 || cfg.RateAddress > 0,
	}
	s.anyRoom = s.options(otherRoom(cfg.OtherRooms), cfg.Cluster)
	for _, o := range cfg.Rooms {
		s.patterns = append(s.patterns, s.options(o, cfg.Cluster))
	}
	s.index = newOptionsIndex(s.patterns)
	s.hasContexts = s.anyContext()
	s.HasChats = slices.ContainsFunc(cfg.Rooms, func(o RoomOptions) bool { return o.IsChat() })
	s.UsesRosters = slices.ContainsFunc(cfg.Rooms, func(o RoomOptions) bool { return o.usesRoster() })
	return s
}

// options returns the options of rooms. In a cluster each room has a log.
func (s *Settings) options(o RoomOptions, cluster bool) Options {
	inMemory := cluster && !o.Durable
	o.Durable = o.Durable || cluster
	return Options{o, s, inMemory}
}

// anyContext reports whether some room may have a compression context. Rooms that no pattern matches may have one, if there are such rooms.
func (s *Settings) anyContext() bool {
	for i := range s.patterns {
		if s.patterns[i].CompressionContext || s.patterns[i].Pattern == "*" {
			return s.patterns[i].CompressionContext
		}
	}
	return !s.closed && s.anyRoom.CompressionContext
}

// optionsOf returns the options of the first pattern that matches a name, else those of Config.OtherRooms.
func (s *Settings) optionsOf(room string) *Options {
	if i, ok := s.index.find(room); ok {
		return &s.patterns[i]
	}
	return &s.anyRoom
}

// unmatched reports whether these are the options of the rooms that no pattern matches.
func (op *Options) unmatched() bool { return op == &op.from.anyRoom }
