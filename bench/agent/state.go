package agent

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
)

// run is one plan under way.
type run struct {
	plan   *Plan
	link   *Link[Command, Event]
	own    int // connections of this agent
	proof  *proof
	engine *engine
	dialer *dialer
	slow   map[int]bool  // connections that will stop reading
	kill   []int         // connections that will be killed
	began  time.Duration // of the processor time
	start  *Start

	moving sync.WaitGroup // goroutines that make connections leave and come back
	moves  context.Context
	still  context.CancelFunc // ends them
	back   returned

	mu     sync.Mutex
	sender *sender // nil until Start

	failure atomic.Pointer[error]
}

// silence sends no more, and lets nothing more happen to the connections.
func (ru *run) silence() {
	ru.still()
	if s := ru.sending(); s != nil {
		s.stop()
	}
}

// tell says something from another goroutine than follow's, which ends with the link.
func (ru *run) tell(e Event) {
	if err := ru.link.Send(e); err != nil {
		ru.failure.CompareAndSwap(nil, &err)
	}
}

func (ru *run) sending() *sender {
	ru.mu.Lock()
	defer ru.mu.Unlock()
	return ru.sender
}

// publishers are those of this agent.
func (ru *run) publishers() (own []int) {
	for i := range ru.plan.Publishers {
		if ru.proof.own(i) {
			own = append(own, i)
		}
	}
	return own
}

// gone are the publishers whose connection has ended.
func (ru *run) gone(own []int) []int {
	gone := []int{}
	for _, i := range own {
		if c := ru.engine.conn(i); c == nil || c.is() != open {
			gone = append(gone, i)
		}
	}
	return gone
}

// returned is what became of those that were to come back.
type returned struct {
	mu      sync.Mutex
	after   histogram.Histogram // from the kill until a connection was back
	refused int                 // attempts that failed
	killed  int
	stopped int
}
