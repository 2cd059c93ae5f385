package cluster

import (
	"log/slog"
	"time"
)

const (
	lossesShown = 10 * time.Second // between two lines about one kind of loss
	joinTime    = 10 * time.Second // in which a node that has joined asks for what it has missed: these are no losses
)

// lossLog logs that counters of losses have grown. Owned by Run.
type lossLog struct{ kinds map[string]*shownLoss }

// shownLoss is a counter at the last line. It begins when it is first seen.
type shownLoss struct {
	count     uint64
	begun, at time.Duration
}

// losses are the counters, since the start of this node.
type losses struct {
	links   []LinkStatus
	logs    []logGaps
	dropped uint64 // messages, because too many waited
	unread  uint64 // messages
}

// logGaps is how often records of a log did not arrive.
type logGaps struct {
	name, owner string
	gaps        uint64
}

// begin notes that a node has joined or started again: what it asks for is no loss.
func (ll *lossLog) begin(peer string) {
	delete(ll.kinds, gapsOf+peer)
	delete(ll.kinds, resyncsOf+peer)
}

// The kinds of losses of a link begin with these, and the name of the other node follows.
const gapsOf, resyncsOf = "gaps of ", "resyncs of "

// grown returns by how much a counter has grown since the last line about it; 0 if no line is due.
func (ll *lossLog) grown(kind string, count uint64, now time.Duration) uint64 {
	s := ll.kinds[kind]
	if s == nil {
		s = &shownLoss{begun: now, at: now}
		ll.kinds[kind] = s
	}
	if now-s.begun < joinTime {
		s.count = count
	}
	s.count = min(s.count, count) // a node that has left and is back begins again
	if count == s.count || now-s.at < lossesShown {
		return 0
	}
	n := count - s.count
	s.count, s.at = count, now
	return n
}

// look logs the losses of messages since the last look. All of them are healed: the lines show that the network or a node is too slow.
func (ll *lossLog) look(log *slog.Logger, lo losses, now time.Duration) {
	for _, l := range lo.links {
		if n := ll.grown(gapsOf+l.Peer, l.Gaps, now); n > 0 {
			log.Warn("messages of a node did not arrive: it sends its presence again", "node", l.Peer, "gaps", n)
		}
		if n := ll.grown(resyncsOf+l.Peer, l.Resyncs, now); n > 0 {
			log.Warn("messages to a node did not arrive: the presence is sent to it again", "node", l.Peer, "gaps", n)
		}
	}
	for _, l := range lo.logs {
		if n := ll.grown("gaps in the log "+l.name, l.gaps, now); n > 0 {
			log.Warn("records of an owner did not arrive: they were read from the log", "log", l.name, "node", l.owner, "gaps", n)
		}
	}
	if n := ll.grown("dropped", lo.dropped, now); n > 0 {
		log.Warn("messages between nodes were dropped: too many waited on this node", "dropped", n)
	}
	if n := ll.grown("unread", lo.unread, now); n > 0 {
		log.Warn("messages of other nodes cannot be read: they are of another version, or damaged", "dropped", n)
	}
}
