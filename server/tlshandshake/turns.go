package tlshandshake

import (
	"net/netip"
	"sync"
)

// turns bounds the handshakes that compute at the same time. If more wait, addresses take turns, and the handshakes of one address are in the
// order of their arrival: a crowd from one address delays those of the others by one step each at most. Any goroutine may use it.
type turns struct {
	mu      sync.Mutex // a leaf
	free    int        // slots
	waiting map[netip.Addr][]chan struct{}
	order   []netip.Addr // of waiting, the next first
}

func newTurns(slots int) *turns {
	return &turns{free: slots, waiting: map[netip.Addr][]chan struct{}{}}
}

// acquire waits for a slot.
func (tu *turns) acquire(from netip.Addr) {
	if turn := tu.wait(from); turn != nil {
		<-turn
	}
}

// wait takes a free slot and returns nil, or returns what is closed when the caller has one.
func (tu *turns) wait(from netip.Addr) (turn chan struct{}) {
	tu.mu.Lock()
	defer tu.mu.Unlock()
	if tu.free > 0 {
		tu.free--
		return nil
	}
	turn = make(chan struct{})
	if len(tu.waiting[from]) == 0 {
		tu.order = append(tu.order, from)
	}
	tu.waiting[from] = append(tu.waiting[from], turn)
	return turn
}

// release gives the slot to the next address.
func (tu *turns) release() {
	tu.mu.Lock()
	defer tu.mu.Unlock()
	if len(tu.order) == 0 {
		tu.free++
		return
	}
	next := tu.order[0]
	tu.order = tu.order[1:]
	list := tu.waiting[next]
	close(list[0])
	if list = list[1:]; len(list) > 0 {
		tu.waiting[next] = list
		tu.order = append(tu.order, next)
	} else {
		delete(tu.waiting, next)
	}
}
