package cluster

import (
	"encoding/binary"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster/member"
)

// The presence of rooms, which each node knows of all nodes. A node sends the changes of its own members to each other node, in numbered messages: at
// most ten a second, fewer to many nodes (pace.sends), and one with each third heartbeat if there is no change. A node that misses a number asks for the whole presence.

// presence is the members of this node that it lists, and what the other nodes know of them.
type presence struct {
	mu      sync.Mutex // a leaf
	own     map[presenceKey]*chat.ClientInfo
	changes []presenceChange           // since they were sent
	peers   map[broker.NodeID]uint64   // number of the next message to a node that has the presence before it
	newest  uint64                     // the largest number of a message. Owned by Run
	wanting map[broker.NodeID]struct{} // nodes that have asked for the whole presence
}

func newPresence() presence {
	return presence{own: map[presenceKey]*chat.ClientInfo{}, peers: map[broker.NodeID]uint64{}, wanting: map[broker.NodeID]struct{}{}}
}

// Joined implements chat.Others.
func (n *Node) Joined(room string, info *chat.ClientInfo) {
	n.changePresence(presenceChange{kind: changeJoined, room: room, info: info})
}

// Left implements chat.Others.
func (n *Node) Left(room string, info *chat.ClientInfo) {
	n.changePresence(presenceChange{kind: changeLeft, room: room, info: info})
}

// changePresence notes a change. The first one wakes Run: the others go with it.
func (n *Node) changePresence(c presenceChange) {
	if n.presence.change(c) {
		n.wakeUp()
	}
}

// change notes a change, and reports whether it is the first one to send.
func (pr *presence) change(c presenceChange) (first bool) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if key := (presenceKey{c.room, c.info.Client}); c.kind == changeJoined {
		pr.own[key] = c.info
	} else {
		delete(pr.own, key)
	}
	pr.changes = append(pr.changes, c)
	return len(pr.changes) == 1
}

// add adds changes of numbers.
func (pr *presence) add(changes []presenceChange) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	pr.changes = append(pr.changes, changes...)
}

// want notes that a node asks for the whole presence.
func (pr *presence) want(from broker.NodeID) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	pr.wanting[from] = struct{}{}
}

// due reports whether there is something to send.
func (pr *presence) due() bool {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return len(pr.changes)+len(pr.wanting) > 0
}

// sendPresence sends the changes to the peers, and the whole presence to new ones. idle: also without changes, so that a loss of the last message is
// noticed. It returns false if there was nothing to send. Called by Run.
func (n *Node) sendPresence(idle bool) bool {
	if !idle && !n.presence.due() {
		return false
	}
	n.mu.Lock()
	members := n.table.Members()
	n.mu.Unlock()
	pr := &n.presence
	pr.mu.Lock()
	versions := pr.peersLocked(members, n.now(), n.cfg.Reads)
	changes := pr.changes
	pr.changes = nil
	next := map[broker.NodeID]uint64{}
	whole, again := map[broker.NodeID]bool{}, map[broker.NodeID]bool{}
	for id := range versions {
		number, known := pr.peers[id]
		_, wants := pr.wanting[id]
		if !known {
			number = pr.newest + 2 // it waits for another number, also if it was a peer before and misses the first messages now
		}
		next[id], whole[id], again[id] = number, !known || wants, known && wants
	}
	var all []presenceChange
	some := slices.Contains(slices.Collect(maps.Values(whole)), true)
	if some {
		all = pr.allLocked()
	}
	pr.peers = next // others get the whole presence when they are back
	clear(pr.wanting)
	pr.mu.Unlock()
	if some {
		all = append(all, allCounts(n.hub)...)
	}
	everything, news := changesToAll{changes: all}, changesToAll{changes: changes}
	for id, number := range next {
		switch {
		case whole[id]:
			if again[id] {
				n.links.resync(id)
			}
			number = n.sendChanges(id, number, presenceBegins, presenceEnds, everything.readableBy(versions[id]))
		case idle || len(changes) > 0:
			number = n.sendChanges(id, number, 0, 0, news.readableBy(versions[id]))
		}
		next[id] = number
		pr.newest = max(pr.newest, number-1)
	}
	return true
}

// peersLocked returns the nodes that get the changes, and the version of the messages that each reads: those that are alive, and peers that are silent for
// less than presenceGrace. So a node that is only late misses nothing, and does not need the whole presence, which would make it later still. reads is the
// newest version of this node. pr.mu is held.
func (pr *presence) peersLocked(members []*member.Member, now time.Duration, reads int) map[broker.NodeID]int {
	versions := map[broker.NodeID]int{}
	for _, m := range members {
		id, silence := broker.NodeID(m.ID), now-m.Heard
		if _, peer := pr.peers[id]; silence < member.SuspectAfter || peer && silence < member.SuspectAfter+presenceGrace {
			versions[id] = min(versionOf(&m.Heartbeat), reads)
		}
	}
	return versions
}

// allLocked returns the own members. pr.mu is held.
func (pr *presence) allLocked() []presenceChange {
	all := make([]presenceChange, 0, len(pr.own))
	for key, info := range pr.own {
		all = append(all, presenceChange{kind: changeJoined, room: key.room, info: info})
	}
	return all
}

// sendChanges sends changes to a node, in one message or more, and returns the next number. The first message has the flags begin, the last end.
func (n *Node) sendChanges(to broker.NodeID, number uint64, begin, end byte, parts []changesPart) uint64 {
	for i, p := range parts {
		flags := byte(0)
		if i == 0 {
			flags |= begin
		}
		if i == len(parts)-1 {
			flags |= end
		}
		b := binary.AppendUvarint(head(kindPresence, len(p.body)+1), number)
		b[0] = p.version
		n.cfg.Engine.Send(to, append(append(b, flags), p.body...))
		number++
	}
	return number
}

// presenceGrace is how long the members of a node that is silent stay listed: they may be reconnecting to another node.
const presenceGrace = 5 * time.Second
