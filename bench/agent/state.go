package agent

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
)

// run is the state of one plan.
type run struct {
	plan   *Plan
	link   *Link[Command, Event]
	own    int // number of this agent's connections
	check  *deliveryCheck
	engine *engine
	dialer *dialer
	slow   map[int]bool  // connections that will stop reading
	kill   []int         // connections that will be killed
	began  time.Duration // CPU time of the process at the start
	start  *Start

	moving  sync.WaitGroup // goroutines that make connections leave and return
	moves   context.Context
	still   context.CancelFunc // ends them
	back    returned
	orphans *orphans // nil unless a node ends

	mu     sync.Mutex
	sender *sender // nil until Start

	failure atomic.Pointer[error]
}

// silence stops the sender and the events.
func (ru *run) silence() {
	ru.still()
	if s := ru.sending(); s != nil {
		s.stop()
	}
}

// emit sends an event from a goroutine other than follow's. If the link has failed, follow ends.
func (ru *run) emit(e Event) {
	if err := ru.link.Send(e); err != nil {
		ru.failure.CompareAndSwap(nil, &err)
	}
}

func (ru *run) sending() *sender {
	ru.mu.Lock()
	defer ru.mu.Unlock()
	return ru.sender
}

// publishers returns the publishers of this agent.
func (ru *run) publishers() (own []int) {
	for i := range ru.plan.Publishers {
		if ru.check.own(i) {
			own = append(own, i)
		}
	}
	return own
}

// gone returns the publishers whose connection has ended.
func (ru *run) gone(own []int) []int {
	gone := []int{}
	for _, i := range own {
		if c := ru.engine.conn(i); c == nil || c.is() != open {
			gone = append(gone, i)
		}
	}
	return gone
}

// returned counts the killed connections that were opened again.
type returned struct {
	mu      sync.Mutex
	after   histogram.Histogram // time from the kill until the connection was back
	away    histogram.Histogram // time from its own end, if its node ended
	refused int                 // failed attempts
	killed  int
	stopped int
}
