package edge

import (
	"container/list"
	"net"
	"net/http"
	"runtime"
)

// Where a socket goes that is not in the loop. handshakes.go has the accounts, evict.go who is closed.

// OnState is the http.Server's ConnState.
func (h *Handshakes) OnState(nc net.Conn, state http.ConnState) {
	c := nc.(*Handshake)
	if state != http.StateNew && state != http.StateActive {
		c.waits()
	}
	switch state {
	case http.StateActive:
		h.Enter(c, h.Answering)
	case http.StateIdle:
		h.Enter(c, h.Flushing)
	case http.StateHijacked, http.StateClosed:
		h.End(c)
	}
}

// Begin is when c has been accepted, and its request is not there.
func (h *Handshakes) Begin(c *Handshake) {
	c.Owner, c.gone = h, make(chan struct{})
	h.Enter(c, h.Waiting)
	h.AwaitClosing()
}

// Enter moves c to where it belongs now, and closes whatever is then one too many.
func (h *Handshakes) Enter(c *Handshake, to *list.List) {
	h.Mu.Lock()
	if c.evicted {
		h.Mu.Unlock()
		return
	}
	if c.hasKey && to != h.Waiting {
		to = h.Trusted
	}
	h.MoveLocked(c, to)
	over, _ := h.overLocked(c)
	h.Mu.Unlock()
	if over == nil {
		return
	}
	// Whoever's request has come already is let through first: on a busy core it may only not have been looked at.
	if !c.Whole {
		runtime.Gosched()
	}
	h.Mu.Lock()
	over, why := h.overLocked(c)
	was := h.dropLocked(over)
	h.Mu.Unlock()
	h.evict(over, was, why)
}
