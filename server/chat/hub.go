package chat

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/tracing"
)

// Hub owns the rooms and assigns the order in each. Jobs that are posted under the lock of a room's stripe reach each shard in the order
// of posting, so all members of a room receive the same sequence. Any goroutine may call its methods, unless their
// comments restrict that.
type Hub struct {
	// Constant after New.
	*fanout.Engine
	Moderation *Moderation
	Sanctions  *Sanctions // changes Moderation
	formats    Formats
	Tracer     *tracing.Tracer // set before the first publication; nil if traces are off
	Watchers   watchers        // of the program that contains the server
	RoomFeeds  roomFeeds       // the same

	settings atomic.Pointer[Settings]

	Rooms            *rooms
	HistoryBudget    historyBudget
	Positions        *positionTable
	durable          []*Durable  // of durable rooms, by their number; constant after UseLog; none without a data directory
	InMemory         *Durable    // of the rooms that are not durable; constant after JoinCluster; nil on one node
	node             string      // ID of this node; constant after JoinCluster
	others           Others      // nodes of the cluster; constant after JoinCluster; nil on one node
	values           valueBudget // of rooms in memory
	receipts         receipts
	seen             lastSeen
	members          *roster.Index // of the rosters of all rooms
	idempotency      idempotencyCache
	collectsNotices  atomic.Bool // somebody is notified of messages
	repeats          repeats
	queuedEventBytes atomic.Int64 // of queued join and leave events, in all rooms

	UsersMu             sync.Mutex // a leaf
	users               map[string]*User
	usersElsewhere      map[string][]userElsewhere // connections to other nodes
	usersOver           map[string]time.Duration   // users with more connections than max-connections-user to all nodes, and since when
	parkedUserMeters    limiter.Parked[string]
	PendingUserCommands pendingUserCommands

	AddressesMu         sync.Mutex // a leaf
	Addresses           map[netip.Addr]*Address
	parkedAddressMeters limiter.Parked[netip.Addr]
}

// New returns a hub without rooms. The caller calls OnTick on the heartbeat.
func New(cfg Config, f Formats, e *fanout.Engine) *Hub {
	h := &Hub{
		Engine:     e,
		Moderation: newModeration(),
		formats:    f,

		users: map[string]*User{}, usersElsewhere: map[string][]userElsewhere{}, usersOver: map[string]time.Duration{},
		Addresses:     map[netip.Addr]*Address{},
		HistoryBudget: historyBudget{maxBytes: cfg.HistoryBytes},
		repeats:       newRepeats(),
		Positions:     newPositionTable(),
		members:       roster.NewIndex(),
	}
	h.Sanctions = newSanctions(h.Moderation, e.Log)
	h.values.most = maxMemoryValues
	h.settings.Store(newSettings(cfg))
	h.Rooms = newRooms(h)
	return h
}

// Settings returns the settings of now. Any goroutine may call it.
func (h *Hub) Settings() *Settings { return h.settings.Load() }
