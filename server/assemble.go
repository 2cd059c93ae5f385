package server

import (
	"log/slog"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/token"
)

const framesPerMessage = 2 // a connection may send twice as many frames as messages

// newHub assembles what serves connections: the engine, the chat and the sessions.
func newHub(cfg Config, log *slog.Logger, m *metrics.Metrics, tokens *token.Verifier, shards int) *sessions {
	e := fanout.NewEngine(fanout.Config{
		Shards: shards, MaxConnections: cfg.MaxConnections, MaxMessage: cfg.MaxMessage, Frames: cfg.Rate * framesPerMessage,
		RateBytes: cfg.RateBytes, MaxUnsent: cfg.MaxUnsent, MaxRetained: cfg.MaxRetained,
	}, log, m)
	f := sessionFormats()
	f[plainFormat] = plainCodec
	chat := newChat(chatConfig{
		rooms:                 cfg.Rooms,
		otherRooms:            cfg.OtherRooms,
		names:                 nameRules{users: cfg.UserRooms, private: cfg.PrivateRooms},
		guests:                cfg.guestsAllowed(),
		historyBytes:          cfg.HistoryBytes,
		maxConnectionsUser:    cfg.MaxConnectionsUser,
		maxConnectionsAddress: cfg.MaxConnectionsAddress,
		countsAddresses:       len(cfg.TrustedProxies) > 0,
		rate:                  cfg.Rate,
		rateUser:              cfg.RateUser,
		rateAddress:           cfg.RateAddress,
	}, f, e)
	return newSessions(sessionsConfig{
		personalRooms: cfg.PersonalRooms,
		maxRooms:      cfg.MaxRooms,
		pingInterval:  cfg.PingInterval,
		maxMessage:    cfg.MaxMessage,
	}, chat, tokens)
}
