package cluster

import (
	"fmt"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/cluster/member"
)

// Two processes with the name of one node. A node that starts beside another one with its name fails. Nodes that run go on, and name the fault.

// neighbours is an engine that sees what is wrong with other nodes.
type neighbours interface {
	// Taken returns an error if another process has the name of this node.
	Taken() error
	// Faults returns what is wrong with other nodes, for operators.
	Faults() []string
}

// twinForgotten is the time without a sign of another process with the same name after which the next sign has a line of the log.
const twinForgotten = time.Minute

// hearTwin notes a sign of another process with the name of this node. mu is held.
func (n *Node) hearTwin(h *member.Heartbeat) {
	me := string(n.cfg.Engine.Self())
	if own := h.Name == n.cfg.Name && h.ID != me && !h.Leaving && n.now() >= member.TwinAfter; own || slices.Contains(h.Twins, me) {
		n.twins.heard = n.now()
	}
}

// twin returns an error if another process has the name of this node.
func (n *Node) twin() error {
	if e, sees := n.cfg.Engine.(neighbours); sees {
		if err := e.Taken(); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.twins.heard > 0 && n.now()-n.twins.heard < member.SuspectAfter {
		return &TwinError{n.cfg.Name}
	}
	return nil
}

// watchTwins ends the start of this node if another process has its name. A node that is ready logs that once. Called by Run.
func (n *Node) watchTwins(now time.Duration) {
	n.mu.Lock()
	others, ready := n.table.Twins(now), n.ready
	n.mu.Unlock()
	for _, tw := range others {
		last, shown := n.twins.others[tw.Name]
		n.twins.others[tw.Name] = now
		if !shown || now-last > twinForgotten {
			n.cfg.Log.Error("two processes have the name of a node: stop one of them, or give it another name", "node", tw.Name)
		}
	}
	err := n.twin()
	switch {
	case err == nil:
		return
	case !ready:
		n.refuse(err)
	case n.twins.shown == 0 || now-n.twins.shown > twinForgotten:
		n.cfg.Log.Error("another process has the name of this node", "error", err)
	}
	n.twins.shown = now
}

// faults returns what is wrong with other nodes, for operators.
func (n *Node) faults() (all []string) {
	if err := n.twin(); err != nil {
		all = append(all, err.Error())
	}
	if e, sees := n.cfg.Engine.(neighbours); sees {
		all = append(all, e.Faults()...)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, tw := range n.table.Twins(n.now()) {
		all = append(all, fmt.Sprintf("two processes have the node name %q", tw.Name))
	}
	for _, m := range n.table.Live(n.now()) {
		if differs := otherPeers(n.cfg.Peers, m); differs != "" {
			all = append(all, differs)
		}
	}
	return all
}
