package agent

import (
	"sync"
	"time"
)

// GoodbyeSlot is the length of the slots in which the ends of connections are counted.
const GoodbyeSlot = 100 * time.Millisecond

// orphans are the connections of the target that stops, from their end until they are back.
type orphans struct {
	ended chan *conn // has room for all connections of this agent, so that pollers do not wait

	mu    sync.Mutex
	slots []int // connections that ended, by the slot after the event
}

// orphaned reports whether the end of c is the planned end of its node. Then c returns at another target. The caller holds the poller's lock.
func (p *poller) orphaned(c *conn) bool {
	if p.orphans == nil || c.target != p.doomed || Now() < p.event || !c.part() {
		return false
	}
	c.touched = true
	p.orphans.note(Now() - p.event)
	p.orphans.ended <- c
	return true
}

// note counts a connection that ended at a time after the event.
func (or *orphans) note(after int64) {
	or.mu.Lock()
	defer or.mu.Unlock()
	slot := int(after / int64(GoodbyeSlot))
	for len(or.slots) <= slot {
		or.slots = append(or.slots, 0)
	}
	or.slots[slot]++
}

func (or *orphans) counted() []int {
	or.mu.Lock()
	defer or.mu.Unlock()
	return append([]int{}, or.slots...)
}
