package fanout

import (
	"sync"
	"sync/atomic"
)

// Audience is the connections that a message goes to: a topic for each shard and format that had a member, and how far they are behind.
type Audience struct {
	// Constant.
	Name  string
	Owner any         // whose audience it is
	Mu    *sync.Mutex // the owner's lock, which guards topics, and under which messages get their order

	Topics []*Topic // guarded by mu

	// backlog is how many bytes were posted and not yet written, summed over the shards. A publisher is not read from while
	// it is over the limit (backpressure), so memory stays bounded, and TCP tells the publisher to wait.
	Backlog atomic.Int64
	Limit   int64
	paused  atomic.Bool // some poller waits for the backlog to shrink

	Retained atomic.Int64 // bytes that slow members make it retain, summed over the topics
}

// Format is how a member receives: encoding, framing, compression. Its owner gives the numbers a meaning.
type Format uint8

// Message is what an audience is to receive. Any shard may call its methods; they return shared bytes, which are not changed.
type Message interface {
	// ReceivedBy says whether members of a format receive anything of it.
	ReceivedBy(f Format) bool

	// Frame is encoded once for each format. deltas is how many nanoseconds of the shard's round are left for deltas; what is used
	// is subtracted.
	Frame(f Format, deltas *int) []byte

	// Whole is what a member receives that does not have the message before it; nil where it says nothing that the next one could be told
	// as a delta of.
	Whole(f Format, deltas *int) []byte

	// Offset is its place in the audience's history; 0 for none. A gap between two ends the positions of members.
	Offset() uint64

	// Size is about how many bytes it has, for the backlog.
	Size() int
}

// TopicLocked is the topic of a shard and a format, made where there is none. The owner's lock is held.
func (a *Audience) TopicLocked(s *Shard, f Format) *Topic {
	for _, t := range a.Topics {
		if t.Shard == s && t.Format == f {
			return t
		}
	}
	t := &Topic{Audience: a, Shard: s, Format: f}
	a.Topics = append(a.Topics, t)
	return t
}

// PostLocked posts a delivery to every topic that has members who receive something of it, and returns whom to wake. The owner's lock is
// held.
func (a *Audience) PostLocked(d Message) (wake uint64) {
	posted, size := 0, d.Size()
	for _, t := range a.Topics {
		if t.Members == 0 || !d.ReceivedBy(t.Format) {
			continue
		}
		posted += size
		wake |= t.Shard.Push(Job{Do: Deliver, Topic: t, Message: d})
	}
	// A shard may have subtracted its part already. Then the backlog was too low for a moment, which pauses nobody.
	a.Backlog.Add(int64(posted))
	return wake
}

// PostFrameLocked posts a frame that all members receive, whatever their format. The owner's lock is held.
func (a *Audience) PostFrameLocked(frame []byte) (wake uint64) {
	posted := 0
	for _, t := range a.Topics {
		if t.Members == 0 {
			continue
		}
		posted += len(frame)
		wake |= t.Shard.Push(Job{Do: Deliver, Topic: t, Frame: frame})
	}
	a.Backlog.Add(int64(posted))
	return wake
}

func (a *Audience) Congested() bool { return a.Backlog.Load() > a.Limit }
