package cluster

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
)

// remotePresence is the members of the other nodes.
type remotePresence struct {
	mu    sync.Mutex // held while members are listed; taken before all others, except mailbox.calling
	nodes map[broker.NodeID]*remoteNode
}

// remoteNode is the members of one other node.
type remoteNode struct {
	complete bool          // this node has its presence up to the number before next
	next     uint64        // number of its next message
	pass     uint64        // of the whole presence that is received
	asked    time.Duration // when this node asked for the whole presence
	patience time.Duration // from that request to the next one
	silent   time.Duration // since when; 0 while it is alive
	members  map[presenceKey]*remoteMember
	other    *chat.OtherNode
	rooms    map[string]uint64 // with members there: the pass that has named each
	users    map[string]uint64 // with connections to it
}

// remoteMember is one member of another node. member is nil if the room has no presence here.
type remoteMember struct {
	member *chat.RemoteMember
	pass   uint64
}
