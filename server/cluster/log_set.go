package cluster

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/cluster/memlog"
)

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

// newLog returns a log without its home.
func newLog(shard int, edge uint64, wake func()) *nodeLog {
	return &nodeLog{shard: shard, sender: &link.Queue{Edge: edge, Wake: wake}, receiver: link.NewReceiver(), answers: map[broker.NodeID]*outgoing{}}
}

// isNew reports whether this node, the owner of the log on disk, is its first one and has committed nothing but its fence: a move interrupts nobody.
func (lg *nodeLog) isNew() bool {
	owner, _, _ := lg.log.Position()
	return lg.memory == nil && owner.Term == firstTerm && lg.committed.Load() == lg.fence.Load()
}

// firstTerm is that of the first owner of a log on disk.
const firstTerm = 1

// logSet is the logs of a node. It is empty until the node knows how many there are.
type logSet struct {
	list atomic.Pointer[[]*nodeLog] // of durable rooms, by their number, and then that of rooms in memory
}

func (set *logSet) use(logs []*nodeLog) { set.list.Store(&logs) }

// all returns the logs: those of durable rooms, by their number, and then that in memory. It is nil until they are known.
func (set *logSet) all() []*nodeLog {
	if logs := set.list.Load(); logs != nil {
		return *logs
	}
	return nil
}

// of returns the log with a number, or nil.
func (set *logSet) of(shard int) *nodeLog {
	for _, lg := range set.all() {
		if lg.shard == shard {
			return lg
		}
	}
	return nil
}

// nameOf returns the name of a log for operators.
func (set *logSet) nameOf(lg *nodeLog) string {
	switch {
	case lg.memory != nil:
		return "memory"
	case len(set.all()) <= 2:
		return "durable"
	}
	return durableName(lg.shard)
}

// durableName returns the name of one of several durable logs.
func durableName(shard int) string { return fmt.Sprint("durable-", shard) }
