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
	e := fanout.NewEngine(fanout.Config{
		Shards: shards, MaxConnections: cfg.MaxConnections, MaxMessage: cfg.MaxMessage, Frames: cfg.Rate * framesPerMessage,
		RateBytes: cfg.RateBytes, MaxUnsent: cfg.MaxUnsent, MaxRetained: cfg.MaxRetained,
	}, log, m)
	f := session.SessionFormats()
	f[chat.PlainFormat] = plain.Codec
	chat := chat.New(chat.Config{
		Rooms:                 cfg.Rooms,
		OtherRooms:            cfg.OtherRooms,
		Names:                 chat.NameRules{Users: cfg.UserRooms, Private: cfg.PrivateRooms},
		Guests:                cfg.guestsAllowed(),
		HistoryBytes:          cfg.HistoryBytes,
		MaxConnectionsUser:    cfg.MaxConnectionsUser,
		MaxConnectionsAddress: cfg.MaxConnectionsAddress,
		CountsAddresses:       len(cfg.TrustedProxies) > 0,
		Rate:                  cfg.Rate,
		RateUser:              cfg.RateUser,
		RateAddress:           cfg.RateAddress,
	}, f, e)
	return session.New(session.Config{
		PersonalRooms: cfg.PersonalRooms,
		MaxRooms:      cfg.MaxRooms,
		PingInterval:  cfg.PingInterval,
		MaxMessage:    cfg.MaxMessage,
	}, chat, tokens)
}
