package cluster

import (
	"fmt"

	"github.com/throng-chat/throng/server/cluster/member"
)

// Versions of the messages between nodes. The nodes of a version work with those of the version before and of the next one, so the nodes of a cluster can be
// replaced one after another. Heartbeats say the version. A node that is two versions away is no member: while it starts it fails, if others serve already.

// isReadable reports whether the nodes of two versions work together.
func isReadable(one, other int) bool { return one-other <= 1 && other-one <= 1 }

// says returns the version that the heartbeats of this node say.
func (n *Node) says() int {
	if len(n.logs.all()) > 2 && isReadable(n.cfg.Reads, logsVersion) {
		return logsVersion
	}
	return n.cfg.Reads
}

// admits reports whether a node that has sent a heartbeat may be a member.
func (n *Node) admits(h *member.Heartbeat) bool {
	version := versionOf(h)
	if isReadable(version, n.says()) {
		return true
	}
	err := fmt.Errorf("node %q (throng %s) has version %d of the messages between nodes, and this node has version %d: versions differ by 1 at most. Replace all nodes by the versions between, one after another",
		h.Name, h.Version, version, n.says())
	n.mu.Lock()
	again := n.refused.seen[h.ID]
	n.refused.seen[h.ID] = true
	refused := h.Ready && !n.ready
	n.mu.Unlock()
	if refused {
		n.refuse(err)
	}
	if !again {
		n.cfg.Log.Error("a node is not a member of this cluster", "error", err)
	}
	return false
}

// refuse ends the start of this node.
func (n *Node) refuse(err error) {
	n.mu.Lock()
	n.refused.err = err
	stop := n.refused.stop
	n.mu.Unlock()
	stop()
}

// refusal returns why this node must not start; nil for no reason.
func (n *Node) refusal() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.refused.err
}
