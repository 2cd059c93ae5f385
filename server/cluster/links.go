package cluster

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/member"
)

// links count the messages of each other node. A node counts from its first heartbeat, until it has left or is forgotten.
type links struct {
	mu sync.Mutex // a leaf
	of map[broker.NodeID]*linkCounts
}

// linkCounts are the counts of one other node, over all its runs. Guarded by links.mu.
type linkCounts struct {
	name            string
	messages, bytes uint64 // received
	gaps            uint64 // numbered messages of the node were missing: it was asked for its whole presence
	resyncs         uint64 // the node had a gap: the whole presence was sent to it again
}

// LinkStatus is what this node receives from another one.
type LinkStatus struct {
	Peer     string  `json:"peer"`
	Up       bool    `json:"up"` // a heartbeat arrived within member.SuspectAfter
	Silent   float64 `json:"seconds_silent"`
	Messages uint64  `json:"received_messages"`
	Bytes    uint64  `json:"received_bytes"`
	Gaps     uint64  `json:"gaps"`
	Resyncs  uint64  `json:"resyncs"`
}

// named notes the name of a run of a node, which is a member. It continues the counts of the run before.
func (li *links) named(id broker.NodeID, name string) {
	li.mu.Lock()
	defer li.mu.Unlock()
	if li.of[id] != nil {
		return
	}
	c := &linkCounts{name: name}
	for before, counts := range li.of {
		if counts.name == name {
			delete(li.of, before)
			c = counts
		}
	}
	li.of[id] = c
}

// received counts a message of a node.
func (li *links) received(from broker.NodeID, size int) {
	li.count(from, func(c *linkCounts) {
		c.messages++
		c.bytes += uint64(size)
	})
}

// gap counts a gap in the messages of a node.
func (li *links) gap(from broker.NodeID) { li.count(from, func(c *linkCounts) { c.gaps++ }) }

// resync counts a gap in the messages to a node.
func (li *links) resync(to broker.NodeID) { li.count(to, func(c *linkCounts) { c.resyncs++ }) }

// count changes the counts of a node that is a member.
func (li *links) count(id broker.NodeID, change func(*linkCounts)) {
	li.mu.Lock()
	defer li.mu.Unlock()
	if c := li.of[id]; c != nil {
		change(c)
	}
}

// keep forgets the nodes that are not members.
func (li *links) keep(members []*member.Member) {
	li.mu.Lock()
	defer li.mu.Unlock()
	maps.DeleteFunc(li.of, func(id broker.NodeID, _ *linkCounts) bool {
		return !slices.ContainsFunc(members, func(m *member.Member) bool { return m.ID == string(id) })
	})
}

// status returns the links to members.
func (li *links) status(members []*member.Member, now time.Duration) (all []LinkStatus) {
	li.mu.Lock()
	defer li.mu.Unlock()
	for _, m := range members {
		if c := li.of[broker.NodeID(m.ID)]; c != nil {
			silent := now - m.Heard
			all = append(all, LinkStatus{m.Name, silent < member.SuspectAfter, silent.Seconds(), c.messages, c.bytes, c.gaps, c.resyncs})
		}
	}
	return all
}
