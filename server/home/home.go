package home

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/record"
)

// MaxUncommitted is the limit of the bytes that are proposed and not committed, in all rooms together. Beyond it, Add returns ErrBusy.
const MaxUncommitted = 64 << 20

// Errors of Add. A later call may succeed.
var (
	ErrNotReady = errors.New("durable rooms are not available")
	ErrBusy     = errors.New("too many publications wait for the disk")
)

// A Proposal is what a record will contain, as its Rooms know it.
type Proposal any

// Rooms has the state that the log stores. The home calls its methods one at a time.
type Rooms interface {
	// Commit applies proposals of one committed record, in the order of Add. Those of Barrier come in a call of their own, after the others.
	Commit(in *Record, proposals []Proposal)
	// Discard ends proposals that are not committed, or whose outcome is unknown. After it the last committed state counts.
	Discard(proposals []Proposal)
	// Replay applies an entry that is in the log. It refers to memory that is lent for the call.
	Replay(in *Record, e *record.Entry)
	// Applied is called after all entries of a record were replayed.
	Applied(seq uint64)
	// Lost is called if the entries of the record number seq, and perhaps of records before it, are lost. rooms is nil if their rooms are
	// unknown.
	Lost(seq uint64, rooms []string)
	// Repairs returns entries for the log at the end of a replay. The home calls Replay with them after their commit. Until then, each replay
	// ends with all of them. needed: without them, clients could recover although publications are lost.
	Repairs() (entries []record.Entry, needed bool)
	// Reset drops all state: the log is replayed from its beginning. Restored ends that replay, and the subscriptions that need a position.
	Reset()
	Restored()
	// Fork notes that this node becomes the owner without all records of the owner before it. Repairs then gives all rooms a new generation: a
	// position of the generation before it counts up to where the room is now. With alone, the subscriptions with a position end when that is done.
	Fork(alone bool)
	// Kept returns the bytes of what Carry may have to propose, about.
	Kept() int64
	// Carry proposes again what only records up to seq have, a part at a time: the home calls it until more is false. It leaves out what
	// an open proposal replaces. The error is one of Add.
	Carry(seq uint64) (more bool, err error)
	// Checkpoint returns entries that keep the state that only records up to seq have. The home calls Replay with them after their commit,
	// and then removes these records.
	Checkpoint(seq uint64) []record.Entry
}

// Config has the parts and the settings of a home.
type Config struct {
	Engine   broker.Engine
	Shard    int
	MaxBytes int64         // of the log on disk: beyond it the oldest records are removed
	KeepKeys time.Duration // a record with an idempotency key stays so long
	Retry    time.Duration // the first wait between attempts to open the log; 0: 50 ms. It doubles up to a second
	Node     *Node         // the node of a cluster; nil on one node
	Metrics  *metrics.Durable
	Log      *slog.Logger // must not block
}

// Home is the owner of one log. Create it with New, call Open, then Run.
type Home struct {
	cfg   Config
	rooms Rooms
	id    string // of the log; constant after Open

	// applying is held while the log changes the rooms: commits, discards, replays, checkpoints. No other lock is held when it is taken.
	applying sync.Mutex
	records  recordList // guarded by applying
	short    int        // replays in a row that ended before the last record that is applied; guarded by applying

	failed chan struct{} // has a value after a failure
	toTrim chan struct{} // has a value if records can be removed
	behind chan struct{} // has a value if the owner has committed records that are not applied
	gaps   atomic.Uint64 // times that records of the owner did not arrive and were read from the log

	mu        sync.Mutex // a leaf
	state     State
	cause     error  // of the last failure
	failures  uint64 // results of appends before the last one do not count
	log       broker.Log
	appends   int      // open appends of log
	last      uint64   // number of the last record that was appended
	term      uint64   // of the last fence
	open      *batch   // proposals gather here; nil for none
	full      []*batch // wait for an append, the oldest first
	appended  []*batch // until they are applied, the oldest first
	discarded []*batch // of failed appends, until Run handles them
	spare     []*batch
	pending   int           // bytes of entries that are not committed
	appending bool          // some goroutine appends
	drained   chan struct{} // closed when nothing is pending; nil before Close

	// Of a node of a cluster.
	heard uint64 // number of the newest record that another node has committed, as far as known
	owner Owner  // of the last fence
}

// State is what a home does.
type State uint8

// The states of a home. Add accepts proposals in Ready only.
const (
	Opening State = iota // replays the log
	Ready
	Failed    // the log cannot be used, and is opened again
	Closing   // no proposal is accepted
	Following // another node appends, or nobody
)

func (s State) String() string {
	return [...]string{"opening", "ready", "failed", "closing", "following"}[s]
}

// IsInOrder reports whether nothing is wrong: this node appends or has stopped to, or another node does.
func (s State) IsInOrder() bool { return s == Ready || s == Closing || s == Following }

// New returns a home that is not open.
func New(cfg Config, rooms Rooms) *Home {
	return &Home{cfg: cfg, rooms: rooms, failed: make(chan struct{}, 1), toTrim: make(chan struct{}, 1), behind: make(chan struct{}, 1)}
}

// kind returns what the rooms of the log are, for operators.
func (h *Home) kind() string {
	if h.cfg.Node.memory() != nil {
		return "rooms in memory"
	}
	return "durable rooms"
}

// ID returns the identity of the log. Call it after Open.
func (h *Home) ID() string { return h.id }

// Status returns the state, and the cause if durable rooms are not available.
func (h *Home) Status() (State, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == Ready {
		if err := h.cfg.Engine.Health().Err; err != nil {
			return Failed, err
		}
		return Ready, nil
	}
	return h.state, h.cause
}
