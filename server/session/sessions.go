package session

import (
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/wheel"
)

// The limits that all sessions share.
const (
	maxPaused         = 64 << 20        // bytes of commands that wait
	bulkRateFactor    = 4               // times max-unsent: bytes of bulk replies for one connection per second
	MaxOutstanding    = 32 << 20        // bytes of long replies that are not completely sent
	maxQueuedBulk     = 4096            // long replies that wait for a worker; one worker per core
	maxQueuedSearches = 256             // searches that wait for a worker; one worker per two cores
	MaxVerifying      = 1024            // tokens of slow algorithms that wait for a worker; one worker per two cores
	maxModerating     = 8               // acts of moderators at a time
	maxQueuedActs     = 1024            // acts of moderators that wait for a worker
	bulkQueueTimeout  = 5 * time.Second // to wait for a worker
)

// Config has the settings of sessions.
type Config struct {
	PersonalRooms bool // a server-side subscription to the personal room of the user
	MaxRooms      int  // per connection
	PingInterval  time.Duration
	MaxMessage    int // bytes
}

// Sessions is the state that all sessions share: settings, workers and budgets.
type Sessions struct {
	*chat.Hub

	// Constant after New.
	pingInterval time.Duration
	clientPrefix string // of the client IDs of this process
	Tokens       *token.Verifier
	Hooks        *Hooks // nil for none
	Notices      *Notices

	streams *streamSessions

	logs logLimits

	PausedBudget limiter.Budget // bytes of commands that wait for workers

	personalRooms atomic.Bool
	maxRooms      atomic.Int64
	BulkRate      atomic.Pointer[limiter.Rate] // bytes of bulk replies of one connection

	Outstanding limiter.Budget // bytes of long replies that are not completely sent
	BulkQueries *bulkQueries

	BulkWorkers *workers // of long replies
	Verifiers   *workers // of signatures that take milliseconds
	Searchers   *workers // of rpc("search")
	Moderators  *workers // of acts of moderators, which wait for the disk and for connections

	audit *audit.Log // constant after SetAudit; nil for none
}

// New returns the Sessions of a hub.
func New(cfg Config, h *chat.Hub, tokens *token.Verifier) *Sessions {
	cores := len(h.Shards)
	s := &Sessions{
		Hub:          h,
		pingInterval: cfg.PingInterval,
		clientPrefix: RandomID(8),
		Tokens:       tokens,
		streams:      newStreamSessions(),
		logs:         newLogLimits(),
		PausedBudget: limiter.Budget{Share: 4},
		Outstanding:  limiter.Budget{Share: 2},
		BulkWorkers:  NewWorkers(cores, maxQueuedBulk, bulkQueueTimeout),
		Verifiers:    NewWorkers(max(1, cores/2), MaxVerifying, bulkQueueTimeout),
		Searchers:    NewWorkers(max(1, cores/2), maxQueuedSearches, bulkQueueTimeout),
		Moderators:   NewWorkers(maxModerating, maxQueuedActs, bulkQueueTimeout),
	}
	s.Outstanding.SetMax(MaxOutstanding)
	s.Configure(cfg)
	s.BulkQueries = newBulkQueries(s.BulkWorkers, &s.Outstanding)
	return s
}

// SetAudit sets the audit log of acts of users; nil for none. Call it before the first session.
func (all *Sessions) SetAudit(l *audit.Log) { all.audit = l }

// Configure replaces the settings, except PingInterval, after those of the engine (SetLimits). Each holds from the next act of a session on. Any
// goroutine may call it; it does not block.
func (all *Sessions) Configure(cfg Config) {
	all.personalRooms.Store(cfg.PersonalRooms)
	all.maxRooms.Store(int64(cfg.MaxRooms))
	all.PausedBudget.SetMax(int64(max(maxPaused, fanout.BudgetMessages*cfg.MaxMessage)))
	bulk := limiter.PerSecond(bulkRateFactor * all.Limits().MaxUnsent)
	all.BulkRate.Store(&bulk)
}

// roomLimit returns the limit of rooms of one connection.
func (all *Sessions) roomLimit() int { return int(all.maxRooms.Load()) }

// OnTick does the work of a tick. Called on the heartbeat.
func (all *Sessions) OnTick(now time.Time, tick wheel.Tick) {
	all.Hub.OnTick(now, tick)
	all.RelieveOutstanding(tick)
}

// tickOf returns the tick of a time; 0 for the zero time. A time later than MaxMoment counts as MaxMoment.
func (all *Sessions) tickOf(t time.Time) wheel.Tick {
	if t.IsZero() {
		return 0
	}
	return all.Clock.Tick() + fanout.InTicks(min(max(t.Sub(all.Clock.WallNow()), fanout.TickLength), MaxMoment))
}

// OutstandingGrace is the time that a client has to read a long reply before it can be closed for the budget.
const OutstandingGrace = 2 * time.Second

// RelieveOutstanding closes the slowest readers of long replies on each shard, while these take more than half of their budget. Each reader has at
// least OutstandingGrace. Called on the heartbeat.
func (all *Sessions) RelieveOutstanding(now wheel.Tick) {
	tooMuch := func() bool { return all.Outstanding.Used.Load() > all.Outstanding.Max()/2 }
	if !tooMuch() {
		return
	}
	all.CloseSlowBulkReaders(now-fanout.InTicks(OutstandingGrace), tooMuch)
}
