package chat

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/wheel"
)

// Durable is the part of a hub that the rooms of one log share: Hub.Durable for durable rooms, and Hub.InMemory for the
// others in a cluster.
type Durable struct {
	*home.Home
	shard     int
	positions *durablePositions
	values    *valueBudget    // of the rooms of the log
	snapshots *snapshotBudget // the same
	live      atomic.Bool     // the first replay of a node of a cluster has ended
	requests  *link.Queue     // to the owner of the log; nil on one node
	seen      []link.Result   // of requests of this node in the record that is replayed. Guarded as replayed
	applied   atomic.Uint64   // number of the last record whose publications and values are applied
	replayed  replayed
}

// replayed is what a replay found, for the repairs at its end. Guarded by the home, which calls the methods of a replay one at a time.
type replayed struct {
	resets  bool                 // between Reset and Restored: members receive nothing
	lostAll bool                 // records of unknown rooms are lost
	lost    map[string]bool      // rooms whose entries are lost
	lostIn  uint64               // number of the newest record with lost entries
	foreign map[string]foreignAt // rooms that are not durable by their options
	infos   map[string]*ClientInfo
	forked  bool // this node became the owner, and the one before may have appended more
	alone   bool // without a majority of the nodes
}

// foreignAt is the position of a room that is not durable any more.
type foreignAt struct {
	offset uint64
	ended  bool // the log has the end of its generation
}

// epoch returns the epoch of a generation: a function of it and of the identity of the log.
func (du *Durable) epoch(generation uint64) string {
	return epochText(record.Epoch(du.ID(), generation))
}

// position returns the position of a durable room that is not in the room table.
func (du *Durable) position(room string) StreamPosition {
	at, _ := du.positions.get(room)
	return StreamPosition{at.offset, du.epoch(at.generation)}
}

// Positions returns the number of stored positions of released rooms and of dropped ones.
func (du *Durable) Positions() (stored int, dropped uint64) { return du.positions.counts() }

// take returns the state of a durable room that is created, and its position.
func (du *Durable) take(room string) (*durableRoom, StreamPosition) {
	at, _ := du.positions.take(room)
	return &durableRoom{log: du, generation: at.generation, fork: at.fork, proposed: at.offset, newest: at.newest}, StreamPosition{at.offset, du.epoch(at.generation)}
}

// store stores the position of a released room: the offset of its last publication.
func (du *Durable) store(room string, d *durableRoom, offset uint64, now wheel.Tick) {
	du.positions.store(durablePosition{name: room, generation: d.generation, fork: d.fork, offset: offset, newest: d.newest}, now)
}

// Done receives the result of a proposal, once: a rejection, or the position of the publication. It is called on the goroutine of the log, or
// before the function that got it returns. It must not block, take the lock of a room or propose.
type Done func(StreamPosition, *Rejection)

// Shard returns the number of the log.
func (du *Durable) Shard() int { return du.shard }

// Applied returns the number of the last record whose publications and values are applied on this node. Any goroutine may call it.
func (du *Durable) Applied() uint64 { return du.applied.Load() }

// Live notes that the log is read: from now on records are applied while clients are served. Call it once, after the first Follow.
func (du *Durable) Live() { du.live.Store(true) }

// IsLive reports whether Live was called.
func (du *Durable) IsLive() bool { return du.live.Load() }

// Owns reports whether this node owns the log, or is the only one. While it hands the log over, requests wait for the next owner.
func (du *Durable) Owns() bool {
	_, _, state := du.Position()
	return state == home.Ready || state == home.Closing && du.requests == nil
}

// Requests returns the requests of this node to the owner; nil on one node.
func (du *Durable) Requests() *link.Queue { return du.requests }
