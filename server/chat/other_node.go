package chat

import "sync/atomic"

// The members of rooms and the connections of users on the other nodes of a cluster. Each node tells the others its numbers (package cluster), so each
// counts those of all nodes. They are in memory, end with their node, and are learned again after a restart.

// OtherNode is another node of the cluster.
type OtherNode struct {
	ID    string      // constant
	Fresh atomic.Bool // it was heard a moment ago, so it is alive
	Alive atomic.Bool // it is not suspect: its members and connections count for limits
}

// Count is the number of members of a room on one node, and how many of them are plain.
type Count struct{ Members, Plain int }

// countElsewhere is the members of a room on another node.
type countElsewhere struct {
	node *OtherNode
	Count
}

// userElsewhere is the connections of a user to another node.
type userElsewhere struct {
	node  *OtherNode
	since []int64 // when each began, in milliseconds since 1970
}
