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
	"github.com/throng-chat/throng/server/home"
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
	Name    string   // of the node
	Size    int      // nodes of the cluster; 0: an external storage has the majority that counts
	Peers   []string // addresses of all nodes, for a comparison; nil: not known
	Version string   // of the program
	Logs    int      // of durable rooms, of a new cluster; 0: one. Later, the number is that of the data
	Reads   int      // newest version of the messages; 0: newestVersion. Tests change it
	Log     *slog.Logger
}

// Node is this process in its cluster. Create it with New, then call Start and Run.
type Node struct {
	cfg     Config
	edge    uint64
	hub     *chat.Hub   // constant after Join
	homes   home.Config // the same: of the logs
	memory  *nodeLog    // the log of rooms in memory
	logs    logSet
	lost    atomic.Uint64        // messages that this node does not read
	handing atomic.Bool          // the logs are handed over, and have no next owner yet
	now     func() time.Duration // without the times in which the process did not run
	suspend func(time.Duration)  // takes a time off now

	mu       sync.Mutex // a leaf
	table    *member.Table
	ready    bool // the logs are read
	start    starting
	leaving  bool
	majority bool
	since    time.Duration // of majority: the heartbeat of an owner may not have arrived yet
	reached  int           // nodes, at the last look
	renews   bool          // as an owner in memory, it takes a later term when it is sure to have a majority
	surveys  surveys
	refused  refusals
	twins    twins

	// Owned by Run.
	stay         context.CancelFunc // ends the closing of the clients; nil if they are not closed
	closeClients func(context.Context)
	ending       bool          // members of a node that has ended are still listed
	told         time.Duration // when a heartbeat was sent for a change of what this node reaches; 0: never

	watched watched

	rebalanceAfter time.Duration // constant after Join

	links    links
	presence presence
	counts   counts
	remote   remotePresence

	wake chan struct{} // there is something to send
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
		refused: refusals{seen: map[string]bool{}, stop: func() {}}, twins: twins{others: map[string]time.Duration{}},
		surveys: surveys{open: map[uint64]*survey{}}, majority: true,
	}
	n.table = member.New(cfg.Name, cfg.Size, 0)
	n.watched = newWatched(cfg.Log, cfg.Size, cfg.Peers)
	n.memory = newLog(broker.MemoryShard, n.edge, n.wakeUp)
	n.memory.memory = memlog.New(memoryID, func(to broker.NodeID, read bool, body []byte) {
		cfg.Engine.Send(to, readMessage(broker.MemoryShard, read, body))
	})
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

// certain reports whether this node is not on the smaller side of a partition. It is stricter than Available if the size of the cluster is not known:
// NATS may be parted, too, and needs a while to notice that.
func (n *Node) certain() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.majority && (n.cfg.Size > 0 || n.table.FreshMajority(n.now()))
}

// Available returns why nothing can be committed in durable rooms here, or nil. Any goroutine may call it.
func (n *Node) Available() error {
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
