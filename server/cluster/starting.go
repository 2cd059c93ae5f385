package cluster

import (
	"fmt"
	"time"
)

// What a node waits for before it is ready. The admin port has it at once, the log after a while.

// begins notes what Start reads, and the end of an attempt.
func (n *Node) begins(what string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.start = starting{what, err}
}

// showWait logs what the start waits for.
func (n *Node) showWait(wl *waitLog, what string, err error) {
	n.begins(what, err)
	n.mu.Lock()
	nodes, reason := n.table.LiveCount(n.now()), forStorage
	if !n.table.HasMajority(n.now()) {
		reason = forMajority
	}
	n.mu.Unlock()
	switch {
	case !wl.isDue(reason, time.Now()):
	case reason == forMajority:
		for _, fault := range n.faults() {
			err = fmt.Errorf("%w; %s", err, fault)
		}
		n.cfg.Log.Warn("waiting for a majority of the nodes", "nodes", nodes, "of", n.cfg.Size, "error", err)
	default:
		n.cfg.Log.Warn("waiting for the storage: its replicas elect a leader, or copy records", "nodes", nodes, "of", n.cfg.Size, "error", err)
	}
}

// Waits returns what this node waits for before it is ready; empty when it is ready. Any goroutine may call it.
func (n *Node) Waits() string {
	faults := ""
	for _, fault := range n.faults() {
		faults += "; " + fault
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	switch has := n.table.HasMajority(now); {
	case n.ready:
		return ""
	case !has && n.cfg.Size == 0:
		return "waiting for NATS: " + errCutOff.Error()
	case !has:
		return fmt.Sprintf("waiting for a majority of the nodes: %d of %d run", n.table.LiveCount(now), n.cfg.Size) + faults
	case n.start.err != nil:
		return fmt.Sprintf("waiting for the storage of the %s: %v", n.start.what, n.start.err)
	}
	return fmt.Sprintf("reading the %s", n.start.what)
}
