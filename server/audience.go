package server

import (
	"sync"
	"sync/atomic"
)

// audience is the connections that a message goes to: a topic for each shard and format that had a member, and how far they are behind.
type audience struct {
	// Constant.
	name  string
	owner any         // whose audience it is
	mu    *sync.Mutex // the owner's lock, which guards topics, and under which messages get their order

	topics []*topic // guarded by mu

	// backlog is how many bytes were posted and not yet written, summed over the shards. A publisher is not read from while
	// it is over the limit (backpressure), so memory stays bounded, and TCP tells the publisher to wait.
	backlog atomic.Int64
	limit   int64
	paused  atomic.Bool // some poller waits for the backlog to shrink

	retained atomic.Int64 // bytes that slow members make it retain, summed over the topics
}

// format is how a member receives: encoding, framing, compression. Its owner gives the numbers a meaning.
type format uint8

// delivery is what an audience is to receive. Any shard may call its methods; they return shared bytes, which are not changed.
type delivery interface {
	// receivedBy says whether members of a format receive anything of it.
	receivedBy(f format) bool

	// frame is encoded once for each format. deltas is how many nanoseconds of the shard's round are left for deltas; what is used
	// is subtracted.
	frame(f format, deltas *int) []byte

	// whole is what a member receives that does not have the message before it; nil where it says nothing that the next one could be told
	// as a delta of.
	whole(f format, deltas *int) []byte

	// offset is its place in the audience's history; 0 for none. A gap between two ends the positions of members.
	offset() uint64

	// size is about how many bytes it has, for the backlog.
	size() int
}

// topicLocked is the topic of a shard and a format, made where there is none. The owner's lock is held.
func (a *audience) topicLocked(s *shard, f format) *topic {
	for _, t := range a.topics {
		if t.shard == s && t.format == f {
			return t
		}
	}
	t := &topic{audience: a, shard: s, format: f}
	a.topics = append(a.topics, t)
	return t
}

// postLocked posts a delivery to every topic that has members who receive something of it, and returns whom to wake. The owner's lock is
// held.
func (a *audience) postLocked(d delivery) (wake uint64) {
	posted, size := 0, d.size()
	for _, t := range a.topics {
		if t.members == 0 || !d.receivedBy(t.format) {
			continue
		}
		posted += size
		wake |= t.shard.push(job{do: deliver, topic: t, message: d})
	}
	// A shard may have subtracted its part already. Then the backlog was too low for a moment, which pauses nobody.
	a.backlog.Add(int64(posted))
	return wake
}

// postFrameLocked posts a frame that all members receive, whatever their format. The owner's lock is held.
func (a *audience) postFrameLocked(frame []byte) (wake uint64) {
	posted := 0
	for _, t := range a.topics {
		if t.members == 0 {
			continue
		}
		posted += len(frame)
		wake |= t.shard.push(job{do: deliver, topic: t, frame: frame})
	}
	a.backlog.Add(int64(posted))
	return wake
}

func (a *audience) congested() bool { return a.backlog.Load() > a.limit }
