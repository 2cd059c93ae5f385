package server

import (
	"log/slog"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/plain"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/token"
)

const framesPerMessage = 2 // a connection may send twice as many frames as messages

// newHub creates the parts that serve connections: the engine, the rooms and the sessions.
func newHub(cfg Config, log *slog.Logger, m *metrics.Metrics, tokens *token.Verifier, shards int) *session.Sessions {
	e := fanout.NewEngine(cfg.limits(shards), log, m)
	f := session.SessionFormats()
	f[chat.PlainFormat] = plain.Codec
	return session.New(cfg.sessionConfig(), chat.New(cfg.chatConfig(), f, e), tokens)
}

// limits returns the settings of connections.
func (c *Config) limits(shards int) fanout.Config {
	return fanout.Config{
		Shards: shards, MaxConnections: c.MaxConnections, MaxMessage: c.MaxMessage, Frames: c.Rate * framesPerMessage,
		RateBytes: c.RateBytes, MaxUnsent: c.MaxUnsent, MaxRetained: c.MaxRetained,
	}
}

// chatConfig returns the settings of rooms.
func (c *Config) chatConfig() chat.Config {
	return chat.Config{
		Rooms:                 c.Rooms,
		OtherRooms:            c.OtherRooms,
		Names:                 chat.NameRules{Users: c.UserRooms, Private: c.PrivateRooms},
		Guests:                c.guestsAllowed(),
		HistoryBytes:          c.HistoryBytes,
		MaxConnectionsUser:    c.MaxConnectionsUser,
		MaxConnectionsAddress: c.MaxConnectionsAddress,
		CountsAddresses:       len(c.TrustedProxies) > 0,
		Rate:                  c.Rate,
		RateUser:              c.RateUser,
		RateAddress:           c.RateAddress,
		Cluster:               c.isNode(),
	}
}

// sessionConfig returns the settings of clients of the SDK protocol.
func (c *Config) sessionConfig() session.Config {
	return session.Config{
		PersonalRooms: c.PersonalRooms,
		MaxRooms:      c.MaxRooms,
		PingInterval:  c.PingInterval,
		MaxMessage:    c.MaxMessage,
	}
}
