package cluster

// changeCount applies the number of a room or a user of another node. remote.mu is held.
func (n *Node) changeCount(rn *remoteNode, c *presenceChange) {
	if c.kind == changeRoom {
		if c.count.Members == 0 {
			delete(rn.rooms, c.room)
		} else {
			rn.rooms[c.room] = rn.pass
		}
		n.hub.RoomElsewhere(c.room, rn.other, c.count)
		return
	}
	if len(c.since) == 0 {
		delete(rn.users, c.user)
	} else {
		rn.users[c.user] = rn.pass
	}
	n.hub.UserElsewhere(c.user, rn.other, c.since)
}

// endCounts ends the numbers of another node that its whole presence has not named. remote.mu is held.
func (n *Node) endCounts(rn *remoteNode) {
	for room, pass := range rn.rooms {
		if pass != rn.pass {
			n.changeCount(rn, &presenceChange{kind: changeRoom, room: room})
		}
	}
	for user, pass := range rn.users {
		if pass != rn.pass {
			n.changeCount(rn, &presenceChange{kind: changeUser, user: user})
		}
	}
}

// endUsers ends the connections of users to a node that has ended, up to a budget: when they were last seen is stored. A negative result means that there are
// more. remote.mu is held.
func (n *Node) endUsers(rn *remoteNode, budget int) (left int) {
	stores := n.logs.all()[0].log.Owns()
	for user := range rn.users {
		if budget--; budget < 0 {
			return budget
		}
		n.changeCount(rn, &presenceChange{kind: changeUser, user: user})
		if stores {
			n.hub.NoteGone(user)
			budget -= eventCost - 1
		}
	}
	return budget
}
