package cluster

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/cluster/memlog"
)

// Times of a node.
const (
	tick            = 100 * time.Millisecond
	suspendedAfter  = 5 * tick         // without a tick: this process did not run
	stepDownTimeout = time.Second      // for other nodes to lead the storage of the logs, before the next owners begin
	repeatAfter     = time.Second      // without progress, requests are sent again
	requestTimeout  = 12 * time.Second // of a request: its client gets a temporary error
)

// memoryID is the identity of the log of rooms in memory: a generation of it is never used twice.
const memoryID = "throng: log of rooms in memory"

// Config has the parts and the settings of a node.
type Config struct {
	Engine  broker.Engine
	Name    string // of the node
	Size    int    // nodes of the cluster; 0: an external storage has the majority that counts
	Version string // of the program
	Reads   int    // newest version of the messages; 0: newestVersion. Tests change it
	Log     *slog.Logger
}

// Node is this process in its cluster. Create it with New, then call Start and Run.
type Node struct {
	cfg     Config
	edge    uint64
	hub     *chat.Hub // constant after Join
	logs    []*nodeLog
	lost    atomic.Uint64        // messages that this node does not read
	handing atomic.Bool          // the logs are handed over, and have no next owner yet
	now     func() time.Duration // without the times in which the process did not run
	suspend func(time.Duration)  // takes a time off now

	mu       sync.Mutex // a leaf
	table    *member.Table
	ready    bool // the logs are read
	leaving  bool
	majority bool
	since    time.Duration // of majority: the heartbeat of an owner may not have arrived yet
	reached  int           // nodes, at the last look
	renews   bool          // as an owner in memory, it takes a later term when it is sure to have a majority
	surveys  surveys
	refused  refusals

	// Owned by Run.
	stay         context.CancelFunc // ends the closing of the clients; nil if they are not closed
	closeClients func(context.Context)

	rebalanceAfter time.Duration // constant after Join

	links    links
	presence presence
	counts   counts
	remote   remotePresence

	wake chan struct{} // there is something to send
}

// nodeLog is one log of the rooms on this node.
type nodeLog struct {
	shard     int
	sender    *link.Queue
	log       *chat.Durable                // constant after Join
	memory    *memlog.Log                  // nil for a log on disk
	left      atomic.Pointer[member.Claim] // to memory, which this node has handed over
	misplaced misplaced                    // owned by Run
	committed atomic.Uint64                // number of the newest record that this node has committed
	fence     atomic.Uint64                // number of the newest record of this node that has no changes of rooms: of the last time it became the owner
	leading   atomic.Bool                  // Lead is running
	bytes     atomic.Uint64                // of the records that this node has committed or received
	changes   atomic.Uint64                // times that the log got another owner
	owner     string                       // the last one; owned by Run

	mu       sync.Mutex // a leaf
	receiver *link.Receiver
	answers  map[broker.NodeID]*outgoing // to send
}

// misplaced is a log that this node owns, although another node should.
type misplaced struct {
	best    string        // name of that node; empty if the log is at its place
	reaches bool          // it reaches more nodes than this one
	since   time.Duration // of both
}

// outgoing is answers for one node.
type outgoing struct {
	term uint64
	b    []byte
}

// New returns a node that does not run yet.
func New(cfg Config) *Node {
	start := time.Now()
	var suspended atomic.Int64
	cfg.Reads = cmp.Or(cfg.Reads, newestVersion)
	n := &Node{
		cfg: cfg, edge: link.Edge(string(cfg.Engine.Self())), wake: make(chan struct{}, 1),
		now:      func() time.Duration { return time.Since(start) - time.Duration(suspended.Load()) },
		suspend:  func(d time.Duration) { suspended.Add(int64(d)) },
		links:    links{of: map[broker.NodeID]*linkCounts{}},
		presence: newPresence(), counts: counts{rooms: map[string]struct{}{}, users: map[string]struct{}{}}, remote: remotePresence{nodes: map[broker.NodeID]*remoteNode{}},
		refused: refusals{seen: map[string]bool{}},
		surveys: surveys{open: map[uint64]*survey{}}, majority: true,
	}
	n.table = member.New(cfg.Name, cfg.Size, 0)
	for _, shard := range []int{0, broker.MemoryShard} {
		lg := &nodeLog{shard: shard, sender: &link.Queue{Edge: n.edge, Wake: n.wakeUp}, receiver: link.NewReceiver(), answers: map[broker.NodeID]*outgoing{}}
		if shard == broker.MemoryShard {
			lg.memory = memlog.New(memoryID, func(to broker.NodeID, read bool, body []byte) {
				cfg.Engine.Send(to, readMessage(shard, read, body))
			})
		}
		n.logs = append(n.logs, lg)
	}
	return n
}

var (
	errMinority = errors.New("this node does not reach a majority of the nodes")
	errCutOff   = errors.New("this node does not reach NATS, or less than half of the servers of NATS run")
)

// minority is the reason why nothing can be committed here.
func (n *Node) minority() error {
	if n.cfg.Size == 0 {
		return errCutOff
	}
	return errMinority
}

// certain reports whether this node is not on the smaller side of a partition. It is stricter than available if the size of the cluster is not known:
// NATS may be parted, too, and needs a while to notice that.
func (n *Node) certain() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.majority && (n.cfg.Size > 0 || n.table.FreshMajority(n.now()))
}

// available returns why nothing can be committed here, or nil.
func (n *Node) available() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.majority {
		return n.minority()
	}
	return nil
}

func (n *Node) wakeUp() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}
