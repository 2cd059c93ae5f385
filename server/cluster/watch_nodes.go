package cluster

import (
	"log/slog"
	"time"

	"github.com/throng-chat/throng/server/cluster/member"
)

// nodesLog logs when another node joins, is silent, is back and leaves. Owned by Run. A node becomes silent once in member.SuspectAfter at most, which limits
// the lines.
type nodesLog struct {
	log  *slog.Logger
	size int // nodes of the cluster; 0: not known
	seen map[string]*seenNode
}

// seenNode is another node at the last look.
type seenNode struct {
	id     string
	heard  time.Duration // its newest heartbeat
	silent bool
}

// look compares the members of the cluster with those of the last look. It returns the names of those that have joined or started again.
func (nl *nodesLog) look(members []*member.Member, now time.Duration) (begun []string) {
	alive := 1
	for _, m := range members {
		if now-m.Heard < member.SuspectAfter {
			alive++
		}
	}
	is := map[string]bool{}
	for _, m := range members {
		is[m.Name] = true
		if sn := nl.seen[m.Name]; sn == nil || sn.id != m.ID {
			begun = append(begun, m.Name)
		}
		if nl.seen[m.Name] == nil {
			nl.seen[m.Name] = &seenNode{id: m.ID, heard: m.Heard}
			nl.log.Info("a node has joined", "node", m.Name, "version", m.Version, "nodes", alive, "of", nl.size)
		}
		nl.lookAt(nl.seen[m.Name], m, now, alive)
	}
	for name, sn := range nl.seen {
		if is[name] {
			continue
		}
		if !sn.silent {
			nl.log.Info("a node has left: it stops", "node", name, "nodes", alive, "of", nl.size)
		}
		delete(nl.seen, name)
	}
	return begun
}

// lookAt compares one node.
func (nl *nodesLog) lookAt(sn *seenNode, m *member.Member, now time.Duration, alive int) {
	silent := now-m.Heard >= member.SuspectAfter
	switch {
	case m.ID != sn.id:
		nl.log.Info("a node is back", "node", m.Name, "after", rounded(m.Heard-sn.heard), "why", "it has started again", "nodes", alive, "of", nl.size)
	case sn.silent && !silent:
		nl.log.Info("a node is back", "node", m.Name, "after", rounded(m.Heard-sn.heard), "why", "its heartbeats arrive again", "nodes", alive, "of", nl.size)
	case silent && !sn.silent:
		nl.log.Warn("a node sends no heartbeats: it counts as dead until the next one", "node", m.Name, "for", rounded(now-m.Heard), "nodes", alive, "of", nl.size)
	}
	sn.id, sn.silent = m.ID, silent
	if !silent {
		sn.heard = m.Heard
	}
}

func rounded(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
