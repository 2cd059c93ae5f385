package cluster

import (
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// The members of rooms and the connections of users of each node, which all nodes know. A change is noted, and once a tick the new number is sent with the
// changes of the presence. So many changes of a room in one tick are one number.

// freshAfter is the silence after which it is not sure that a node is alive: heartbeats come each 0.3 to 0.4 s. SDKs reconnect later than that.
const freshAfter = 450 * time.Millisecond

// RoomChanged implements chat.Others.
func (n *Node) RoomChanged(room string) {
	n.counts.mu.Lock()
	defer n.counts.mu.Unlock()
	n.counts.rooms[room] = struct{}{}
}

// UserChanged implements chat.Others.
func (n *Node) UserChanged(user string) {
	n.counts.mu.Lock()
	defer n.counts.mu.Unlock()
	n.counts.users[user] = struct{}{}
}

// collectCounts adds the new numbers to the changes of the presence. Called by Run, once a tick.
func (n *Node) collectCounts() {
	rooms, users := n.counts.take()
	if rooms == nil {
		return
	}
	changes := make([]presenceChange, 0, len(rooms)+len(users))
	for room := range rooms {
		changes = append(changes, presenceChange{kind: changeRoom, room: room, count: n.hub.RoomHere(room)})
	}
	for user := range users {
		changes = append(changes, presenceChange{kind: changeUser, user: user, since: n.hub.UserHere(user)})
	}
	n.presence.add(changes)
}

// lookAtOthers notes which nodes are alive, and which were heard a moment ago. Called by Run, once a tick.
func (n *Node) lookAtOthers(now time.Duration) {
	heard := map[broker.NodeID]time.Duration{}
	n.mu.Lock()
	for _, m := range n.table.Live(now) {
		heard[broker.NodeID(m.ID)] = m.Heard
	}
	n.mu.Unlock()
	n.remote.mu.Lock()
	defer n.remote.mu.Unlock()
	for id, rn := range n.remote.nodes {
		at, alive := heard[id]
		rn.other.Alive.Store(alive)
		rn.other.Fresh.Store(alive && now-at < freshAfter)
	}
}
