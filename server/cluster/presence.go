package cluster

import (
	"encoding/binary"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
)

// The presence of rooms, which each node knows of all nodes. A node sends the changes of its own members to each other node, in numbered messages: one a
// round, and one each second if there is no change. A node that misses a number asks for the whole presence.

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
	n.presence.change(presenceChange{kind: changeJoined, room: room, info: info})
	n.wakeUp()
}

// Left implements chat.Others.
func (n *Node) Left(room string, info *chat.ClientInfo) {
	n.presence.change(presenceChange{kind: changeLeft, room: room, info: info})
	n.wakeUp()
}

func (pr *presence) change(c presenceChange) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if key := (presenceKey{c.room, c.info.Client}); c.kind == changeJoined {
		pr.own[key] = c.info
	} else {
		delete(pr.own, key)
	}
	pr.changes = append(pr.changes, c)
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

// maxPresence is the size of a message of presence, about.
const maxPresence = 256 << 10

// sendPresence sends the changes to the nodes that are alive, and the whole presence to new ones. idle: also without changes, so that a loss of the last
// message is noticed. Called by Run.
func (n *Node) sendPresence(idle bool) {
	if !idle && !n.presence.due() {
		return
	}
	versions := map[broker.NodeID]int{}
	n.mu.Lock()
	for _, m := range n.table.Live(n.now()) {
		versions[broker.NodeID(m.ID)] = min(versionOf(&m.Heartbeat), n.cfg.Reads)
	}
	n.mu.Unlock()
	pr := &n.presence
	pr.mu.Lock()
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
	pr.peers = next // those that are silent get the whole presence when they are back
	clear(pr.wanting)
	pr.mu.Unlock()
	if some {
		all = append(all, allCounts(n.hub)...)
	}
	for id, number := range next {
		switch {
		case whole[id]:
			if again[id] {
				n.links.resync(id)
			}
			number = n.sendChanges(id, number, presenceBegins, presenceEnds, readableBy(versions[id], all))
		case idle || len(changes) > 0:
			number = n.sendChanges(id, number, 0, 0, readableBy(versions[id], changes))
		}
		next[id] = number
		pr.newest = max(pr.newest, number-1)
	}
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
func (n *Node) sendChanges(to broker.NodeID, number uint64, begin, end byte, changes []presenceChange) uint64 {
	for first := true; first || len(changes) > 0; first = false {
		var body []byte
		i, version := 0, byte(oldestVersion)
		for ; i < len(changes) && len(body) < maxPresence; i++ {
			body = appendChange(body, &changes[i])
			if changes[i].kind >= changeRoom {
				version = countsVersion
			}
		}
		changes = changes[i:]
		flags := byte(0)
		if first {
			flags |= begin
		}
		if len(changes) == 0 {
			flags |= end
		}
		b := binary.AppendUvarint(head(kindPresence, len(body)+1), number)
		b[0] = version
		n.cfg.Engine.Send(to, append(append(b, flags), body...))
		number++
	}
	return number
}

// readableBy returns the changes that a node with a version of the messages reads.
func readableBy(version int, changes []presenceChange) []presenceChange {
	if version >= countsVersion {
		return changes
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c presenceChange) bool { return c.kind >= changeRoom })
}

// presenceGrace is how long the members of a node that is silent stay listed: they may be reconnecting to another node.
const presenceGrace = 5 * time.Second
