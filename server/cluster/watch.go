package cluster

import (
	"time"

	"github.com/throng-chat/throng/server/cluster/member"
	"github.com/throng-chat/throng/server/home"
)

// What changes in the cluster is in the log of each node: which nodes are alive, which of them own the logs, and what was lost between them.

// watchNodes logs the changes of the nodes and of the owners. Called by Run, once a tick.
func (n *Node) watchNodes(now time.Duration) {
	n.mu.Lock()
	members := n.table.Members()
	serves, majority := n.ready && !n.leaving, n.majority
	n.mu.Unlock()
	for _, name := range n.watched.nodes.look(members, now) {
		n.watched.losses.begin(name)
	}
	n.watched.peers.look(members)
	for _, lg := range n.logs.all() {
		ol := n.watched.owners[lg.shard]
		if ol == nil {
			ol = &ownerLog{name: n.logs.nameOf(lg)}
			n.watched.owners[lg.shard] = ol
		}
		owner, _, state := lg.log.Position()
		here, node := owner.Node == string(n.cfg.Engine.Self()), ""
		if here && state == home.Ready {
			node = n.cfg.Name
		}
		for _, m := range members {
			if m.ID == owner.Node && now-m.Heard < member.SuspectAfter {
				node = m.Name
			}
		}
		ol.look(n.cfg.Log, owner.Node, node, here, !serves || lg.memory == nil && !majority, owner.Term, now)
	}
}

// watchLosses logs what was lost between the nodes. Called by Run. While this node starts, it asks for what it has missed: that is no loss.
func (n *Node) watchLosses(now time.Duration) {
	n.mu.Lock()
	ready := n.ready
	n.mu.Unlock()
	if !ready {
		return
	}
	s := n.Status()
	var logs []logGaps
	for _, l := range s.Logs {
		logs = append(logs, logGaps{l.Name, l.Owner, l.Gaps})
	}
	n.watched.losses.look(n.cfg.Log, losses{s.Links, logs, n.Dropped(), s.Lost}, now)
}
