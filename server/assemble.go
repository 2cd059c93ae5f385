package server

import (
	"log/slog"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/token"
)

const framesPerMessage = 2 // a connection may send twice as many frames as messages

// newHub assembles what serves connections: the engine, the chat and the sessions.
func newHub(cfg Config, log *slog.Logger, m *metrics.Metrics, tokens *token.Verifier, shards int) *sessions {
	e := newEngine(engineConfig{
		shards: shards, maxConnections: cfg.MaxConnections, maxMessage: cfg.MaxMessage, frames: cfg.Rate * framesPerMessage,
		rateBytes: cfg.RateBytes, maxUnsent: cfg.MaxUnsent, maxRetained: cfg.MaxRetained,
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
