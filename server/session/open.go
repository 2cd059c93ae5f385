package session

import (
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/token"
)

// How sessions start.

// Config has the settings of sessions.
type Config struct {
	PersonalRooms bool // a server-side subscription to the personal room of the user
	MaxRooms      int  // per connection
	PingInterval  time.Duration
	MaxMessage    int // bytes
}

// New returns the Sessions of a hub.
func New(cfg Config, h *chat.Hub, tokens *token.Verifier) *Sessions {
	cores := len(h.Shards)
	s := &Sessions{
		Hub:           h,
		personalRooms: cfg.PersonalRooms,
		maxRooms:      cfg.MaxRooms,
		pingInterval:  cfg.PingInterval,
		clientPrefix:  RandomID(8),
		Tokens:        tokens,
		onCommands:    (*Session).onCommands,
		logLimit:      logqueue.EverySecond(),
		PausedBudget:  limiter.Budget{Max: int64(max(maxPaused, fanout.BudgetMessages*cfg.MaxMessage)), Share: 4},
		BulkRate:      limiter.PerSecond(bulkRateFactor * h.MaxUnsent),
		Outstanding:   limiter.Budget{Max: MaxOutstanding, Share: 2},
		BulkWorkers:   NewWorkers(cores, maxQueuedBulk, bulkQueueTimeout),
		Verifiers:     NewWorkers(max(1, cores/2), MaxVerifying, bulkQueueTimeout),
	}
	s.BulkQueries = newBulkQueries(s.BulkWorkers, &s.Outstanding)
	return s
}

// Open starts the session of a transport whose handshake is complete. hello is the 101 response, and early has the bytes that the client sent before
// it. w is the window of permessage-deflate, 0 without. Any goroutine may call it.
func (all *Sessions) Open(t fanout.Transport, source *chat.Address, e Encoding, w deflate.Window, hello, early []byte) {
	c := &fanout.Conn{}
	c.SetDeflate(w != 0)
	s := newSession(c, all, source, e, early)
	s.window = w
	all.NewConn(c, t, s)
	s.Poller = c.Poller()
	s.Client = clientID(all.clientPrefix, c.ID)
	all.Wake(all.Register(c, nil, hello, nil))
}

// newSession returns a session. early has the bytes that the client sent before its 101 response.
func newSession(c *fanout.Conn, h *Sessions, source *chat.Address, e Encoding, early []byte) *Session {
	s := &Session{Conn: c, Sessions: h, source: source, Encoding: e, unread: early, early: len(early) > 0}
	c.SetPaused(s.early)
	s.due.Deadline.Store(uint32(s.later(staleTimeout)))
	return s
}
