package chat

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/wheel"
)

// Durable is the part of a hub that durable rooms share; nil in a hub without a data directory.
type Durable struct {
	*home.Home
	positions *durablePositions
	applied   atomic.Uint64 // number of the last record whose publications and values are applied
	replayed  replayed
}

// replayed is what a replay found, for the repairs at its end. Guarded by the home, which calls the methods of a replay one at a time.
type replayed struct {
	lostAll bool                 // records of unknown rooms are lost
	lost    map[string]bool      // rooms whose entries are lost
	lostIn  uint64               // number of the newest record with lost entries
	foreign map[string]foreignAt // rooms that are not durable by their options
	infos   map[string]*ClientInfo
}

// foreignAt is the position of a room that is not durable any more.
type foreignAt struct {
	offset uint64
	ended  bool // the log has the end of its generation
}

// newDurable returns a Durable without its home.
func newDurable() *Durable { return &Durable{positions: newDurablePositions()} }

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
	return &durableRoom{generation: at.generation, proposed: at.offset, newest: at.newest}, StreamPosition{at.offset, du.epoch(at.generation)}
}

// store stores the position of a released room: the offset of its last publication.
func (du *Durable) store(room string, d *durableRoom, offset uint64, now wheel.Tick) {
	du.positions.store(durablePosition{name: room, generation: d.generation, offset: offset, newest: d.newest}, now)
}

// Done receives the result of a proposal, once: a rejection, or the position of the publication. It is called on the goroutine of the log, or
// before the function that got it returns. It must not block, take the lock of a room or propose.
type Done func(StreamPosition, *Rejection)
