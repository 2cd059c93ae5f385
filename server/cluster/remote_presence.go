package cluster

import (
	"encoding/binary"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
)

// receivePresence handles changes of the presence of another node. It returns false if the message cannot be read.
func (n *Node) receivePresence(from broker.NodeID, b []byte) bool {
	number, size := binary.Uvarint(b)
	if size <= 0 || len(b) == size {
		return false
	}
	flags, b := b[size], b[size+1:]
	n.remote.mu.Lock()
	defer n.remote.mu.Unlock()
	rn := n.remote.nodes[from]
	if rn == nil {
		rn = &remoteNode{members: map[presenceKey]*remoteMember{}, rooms: map[string]uint64{}, users: map[string]uint64{}, other: &chat.OtherNode{ID: string(from)}}
		rn.other.Alive.Store(true)
		n.remote.nodes[from] = rn
	}
	switch {
	case flags&presenceBegins != 0:
		rn.complete, rn.next = true, number
		rn.pass++
	case !rn.complete || number != rn.next:
		if rn.complete {
			n.links.gap(from)
		}
		rn.complete = false
		if now := n.now(); rn.asked == 0 || now-rn.asked > rn.patience {
			rn.asked, rn.patience = now, min(max(repeatAfter, 2*rn.patience), maxPatience)
			n.cfg.Engine.Send(from, head(kindWanted, 0))
		}
		return true
	}
	rn.next++
	for len(b) > 0 {
		c, rest, ok := nextChange(b)
		if !ok {
			rn.complete = false
			return false
		}
		n.changeRemote(rn, &c)
		b = rest
	}
	if flags&presenceEnds != 0 {
		rn.patience = repeatAfter
		for key, m := range rn.members {
			if m.pass != rn.pass {
				n.removeRemote(rn, key, m)
			}
		}
		n.endCounts(rn)
	}
	return true
}

// maxPatience is the longest time between two requests for the whole presence of a node. Each request doubles the time, because the answer of a node that
// has too much to do may only be late.
const maxPatience = 16 * time.Second

// changeRemote applies one change. remote.mu is held.
func (n *Node) changeRemote(rn *remoteNode, c *presenceChange) {
	if c.kind >= changeRoom {
		n.changeCount(rn, c)
		return
	}
	key := presenceKey{c.room, c.info.Client}
	before := rn.members[key]
	switch {
	case c.kind == changeLeft:
		if before != nil {
			n.removeRemote(rn, key, before)
		}
	case before != nil && before.member != nil && before.member.Is(c.info):
		before.pass = rn.pass
	default:
		if before != nil {
			n.removeRemote(rn, key, before)
		}
		rn.members[key] = &remoteMember{n.hub.AddRemote(c.room, c.info), rn.pass}
	}
}

// removeRemote ends a member. It returns whether its room has an event of that. remote.mu is held.
func (n *Node) removeRemote(rn *remoteNode, key presenceKey, m *remoteMember) (event bool) {
	delete(rn.members, key)
	return m.member != nil && n.hub.RemoveRemote(m.member)
}

// The members of a node that has ended leave in steps, one in each tick. A member whose room receives an event costs more: at most a thousand of them leave in a
// second. The same holds for a user if this node stores when the user was last seen.
const (
	endedAtOnce = 1000 // the budget of a step, of members without an event
	eventCost   = 10
)

// endSilent ends the members of nodes that are silent. It looks for them if that is due, and goes on in each tick until it has ended all. Called by Run.
func (n *Node) endSilent(now time.Duration, due bool) {
	if due || n.ending {
		n.ending = n.endRemote(now)
	}
}

// endRemote ends the members of nodes that are silent for presenceGrace, up to a budget. It returns whether there are more.
func (n *Node) endRemote(now time.Duration) (more bool) {
	live := map[broker.NodeID]bool{}
	n.mu.Lock()
	for _, m := range n.table.Live(now) {
		live[broker.NodeID(m.ID)] = true
	}
	n.mu.Unlock()
	n.remote.mu.Lock()
	defer n.remote.mu.Unlock()
	left := endedAtOnce
	for id, rn := range n.remote.nodes {
		switch {
		case live[id]:
			rn.silent = 0
			continue
		case rn.silent == 0:
			rn.silent = now
			continue
		case now-rn.silent < presenceGrace:
			continue
		}
		rn.complete = false
		for room := range rn.rooms {
			n.changeCount(rn, &presenceChange{kind: changeRoom, room: room})
		}
		for key, m := range rn.members {
			if left--; left < 0 {
				return true
			}
			if n.removeRemote(rn, key, m) {
				left -= eventCost - 1
			}
		}
		if left = n.endUsers(rn, left); left < 0 {
			return true
		}
		delete(n.remote.nodes, id)
	}
	return false
}
