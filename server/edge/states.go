package edge

import (
	"container/list"
	"net"
	"net/http"
	"runtime"
)

// The changes of state of a pending connection.

// onState is the ConnState callback of http.Server.
func (pd *Pending) onState(nc net.Conn, state http.ConnState) {
	c := nc.(*PendingConn)
	if state != http.StateNew && state != http.StateActive {
		c.releaseSlot()
	}
	switch state {
	case http.StateActive:
		pd.move(c, pd.Responding)
	case http.StateIdle:
		pd.move(c, pd.Flushing)
	case http.StateHijacked, http.StateClosed:
		pd.End(c)
	}
}

// Begin adds c, whose first request has not arrived. It may evict another connection, and waits if too many evicted ones are still open.
func (pd *Pending) Begin(c *PendingConn) {
	c.owner, c.gone = pd, make(chan struct{})
	pd.move(c, pd.Waiting)
	pd.awaitClosing()
}

// move moves c to the list of its new state. If a limit is exceeded then, it evicts a connection.
func (pd *Pending) move(c *PendingConn, to *list.List) {
	pd.Mu.Lock()
	if c.evicted {
		pd.Mu.Unlock()
		return
	}
	if c.hasKey && to != pd.Waiting {
		to = pd.Trusted
	}
	pd.moveLocked(c, to)
	over, _ := pd.excessLocked(c)
	pd.Mu.Unlock()
	if over == nil {
		return
	}
	// Other goroutines run first: on a busy core, a request may have arrived and not been read yet.
	if !c.HeadRead {
		runtime.Gosched()
	}
	pd.Mu.Lock()
	over, why := pd.excessLocked(c)
	was := pd.dropLocked(over)
	pd.Mu.Unlock()
	pd.evict(over, was, why)
}
