package edge

import (
	"sync/atomic"
	"time"
)

const (
	maxActive  = 16                    // first requests that use the CPU at the same time
	activeTime = 20 * time.Millisecond // after which a request counts as waiting
)

// cpuSlot is one of maxActive slots, which bound the number of goroutines that compete for the CPU with the acceptor. The acceptor opens the
// connections of all clients. The zero cpuSlot holds none.
type cpuSlot struct {
	of       chan struct{} // has an element for each slot that is held; constant after hold
	released atomic.Bool
}

// hold holds the slot, which the caller has put into slots, until the response is written or the request waits for something, at most
// activeTime.
func (sl *cpuSlot) hold(slots chan struct{}) {
	sl.of = slots
	time.AfterFunc(activeTime, sl.release)
}

// release releases the slot. Further calls have no effect.
func (sl *cpuSlot) release() {
	if sl.of != nil && !sl.released.Swap(true) {
		<-sl.of
	}
}
