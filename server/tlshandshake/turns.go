package tlshandshake

import (
	"container/list"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

const (
	// lateTurn is the time after which the address at the front has waited too long: more handshakes come than can be computed.
	lateTurn = 20 * time.Millisecond

	// computeTime is the time after which handshakes, one behind the other, let all other goroutines run that wait for a processor: thousands of
	// handshakes delay the acceptor and the event loop by no more.
	computeTime = time.Millisecond

	// maxAhead is the number of steps of a handshake, after its first, that go ahead of first steps. A handshake has at most six records.
	maxAhead = 8
)

// turns bounds the handshakes that compute at the same time. The next free slot goes to
//
//  1. a handshake that has begun, in the order of arrival: its peer has answered, and the step is short
//  2. the addresses in turn, and among the handshakes of one address to the first: a crowd from one address delays those of the others by one
//     step each at most
//
// If the next address has waited for longer than patience, every second slot goes to the newest address that has had no turn and waits with one
// handshake only: a flood, from many addresses too, delays a new client by a few steps only. Any goroutine may use it.
type turns struct {
	patience time.Duration // constant

	mu     sync.Mutex // a leaf
	free   int        // slots
	begun  list.List  // of *turn
	queues map[netip.Addr]*queue
	order  list.List // of *queue: all, the next first
	fresh  list.List // of *queue: those with one handshake that have had no turn, the newest last
	newest bool      // the last slot of an overload went to the newest
	since  time.Time // from which the slots go from one handshake to the next
}

// queue has the first steps of one address that wait. Guarded by turns.mu.
type queue struct {
	from    netip.Addr
	waiting list.List // of *turn
	since   time.Time // of its place in order
	at      *list.Element
	fresh   *list.Element // nil with a second handshake, and after its first turn
}

// turn is a step that waits. Guarded by turns.mu, but for ready.
type turn struct {
	ready chan struct{} // closed when it has a slot
	queue *queue        // nil for begun
	at    *list.Element // nil when it has a slot
}

func newTurns(slots int) *turns {
	return &turns{patience: lateTurn, free: slots, queues: map[netip.Addr]*queue{}}
}

// acquire waits for a slot, and returns whether it has one: false after gone is closed. begun is for a handshake that had a slot before.
func (tu *turns) acquire(from netip.Addr, begun bool, gone <-chan struct{}) bool {
	t := tu.wait(from, begun)
	if t == nil {
		return true
	}
	select {
	case <-t.ready:
		return true
	case <-gone:
		return tu.leave(t)
	}
}

// wait takes a free slot and returns nil, or returns a turn that is ready when the caller has a slot.
func (tu *turns) wait(from netip.Addr, begun bool) *turn {
	tu.mu.Lock()
	defer tu.mu.Unlock()
	if tu.free > 0 {
		tu.free--
		tu.since = time.Now()
		return nil
	}
	t := &turn{ready: make(chan struct{})}
	if begun {
		t.at = tu.begun.PushBack(t)
		return t
	}
	q := tu.queues[from]
	if q == nil {
		q = &queue{from: from, since: time.Now()}
		q.at, q.fresh = tu.order.PushBack(q), tu.fresh.PushBack(q)
		tu.queues[from] = q
	} else {
		tu.takenLocked(q)
	}
	t.queue, t.at = q, q.waiting.PushBack(t)
	return t
}

// leave removes t, and returns true if it had got a slot.
func (tu *turns) leave(t *turn) bool {
	tu.mu.Lock()
	defer tu.mu.Unlock()
	if t.at == nil {
		return true
	}
	tu.removeLocked(t)
	return false
}

// release gives the slot to the next step.
func (tu *turns) release() {
	if tu.isLong() {
		runtime.Gosched()
	}
	tu.mu.Lock()
	defer tu.mu.Unlock()
	t := tu.nextLocked()
	if t == nil {
		tu.free++
		return
	}
	q := t.queue
	tu.removeLocked(t)
	close(t.ready)
	if q != nil && q.at != nil {
		tu.takenLocked(q)
		q.since = time.Now()
		tu.order.MoveToBack(q.at)
	}
}

// isLong reports whether handshakes have computed for computeTime since it last did.
func (tu *turns) isLong() bool {
	tu.mu.Lock()
	defer tu.mu.Unlock()
	now := time.Now()
	if now.Sub(tu.since) < computeTime {
		return false
	}
	tu.since = now
	return true
}

// nextLocked returns the step that has the next slot, or nil.
func (tu *turns) nextLocked() *turn {
	if at := tu.begun.Front(); at != nil {
		return at.Value.(*turn)
	}
	at := tu.order.Front()
	if at == nil {
		return nil
	}
	q := at.Value.(*queue)
	if last := tu.fresh.Back(); last != nil && time.Since(q.since) > tu.patience {
		if tu.newest = !tu.newest; tu.newest {
			q = last.Value.(*queue)
		}
	}
	return q.waiting.Front().Value.(*turn)
}

// removeLocked removes a turn, and its queue if that becomes empty.
func (tu *turns) removeLocked(t *turn) {
	q := t.queue
	if q == nil {
		tu.begun.Remove(t.at)
		t.at = nil
		return
	}
	q.waiting.Remove(t.at)
	t.at = nil
	if q.waiting.Len() == 0 {
		tu.takenLocked(q)
		tu.order.Remove(q.at)
		q.at = nil
		delete(tu.queues, q.from)
	}
}

// takenLocked notes that a queue has had a turn, or more than one handshake.
func (tu *turns) takenLocked(q *queue) {
	if q.fresh != nil {
		tu.fresh.Remove(q.fresh)
		q.fresh = nil
	}
}
