package fanout

import (
	"sync"
	"sync/atomic"

	"github.com/throng-chat/throng/server/unordered"
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

// Topic is what one shard knows of an audience: its members of one format.
type Topic struct {
	// Constant.
	Audience *Audience
	Shard    *Shard
	Format   Format

	// Owned by the shard.
	owned    bool // batch is our own buffer
	flushing bool // the batch is whole, and being written

	Members int // guarded by audience.mu: no message is posted to a topic without members

	// Owned by the shard.
	list   []*Member
	batch  []byte // frames not yet written: one that everybody shares, or several in a buffer of our own
	frames int
	posted int    // bytes of batch, as audience.backlog counts them
	wholes int    // members that must hear a publication whole before they can hear what is new
	offset uint64 // of the last publication since somebody was here; 0 before the first

	retains *retained // bytes of the batch that slow members hold; nil for none
	share   share     // what slow members make it retain
}

// Member is a connection's place in a topic.
type Member struct {
	Conn  *Conn  // constant
	Topic *Topic // constant once the shard knows it

	// Owned by the shard.
	From       uint32 // how much of the topic's pending batch this member has, or must not have
	fromFrames uint32
	At         int32 // index in topic.list, -1 for none
	whole      bool  // it is one of topic.wholes
	Positioned bool  // it must not miss anything; constant once the shard knows it
}

// TopicLocked is the topic of a shard and a format, made where there is none. The owner's lock is held.
func (a *Audience) TopicLocked(s *Shard, f Format) *Topic {
	for _, t := range a.Topics {
		if t.Shard == s && t.Format == f {
			return t
		}
	}
	t := &Topic{Audience: a, Shard: s, Format: f, share: share{audience: &a.Retained, shard: &s.costs}}
	a.Topics = append(a.Topics, t)
	return t
}

// PostLocked posts a message to every topic that has members who receive something of it, and returns whom to wake. The owner's lock is
// held.
func (a *Audience) PostLocked(m Message) (wake uint64) {
	return a.postLocked(Job{Do: Deliver, Message: m}, m.Size())
}

// PostFrameLocked posts a frame that all members receive, whatever their format. The owner's lock is held.
func (a *Audience) PostFrameLocked(frame []byte) (wake uint64) {
	return a.postLocked(Job{Do: Deliver, Frame: frame}, len(frame))
}

func (a *Audience) postLocked(what Job, size int) (wake uint64) {
	posted := 0
	for _, t := range a.Topics {
		if t.Members == 0 || what.Message != nil && !what.Message.ReceivedBy(t.Format) {
			continue
		}
		posted += size
		what.Topic = t
		wake |= t.Shard.Push(what)
	}
	// A shard may have subtracted its part already. Then the backlog was too low for a moment, which pauses nobody.
	a.Backlog.Add(int64(posted))
	return wake
}

func (a *Audience) Congested() bool { return a.Backlog.Load() > a.Limit }

// join makes m a member that hears what is said from now on, and nothing of what was said before.
func (t *Topic) join(m *Member) {
	if len(t.list) == 0 {
		t.offset = 0 // nothing was posted here while nobody was
	}
	m.At = int32(len(t.list))
	m.From, m.fromFrames = uint32(len(t.batch)), uint32(t.frames)
	t.list = append(t.list, m)
}

// leave takes m out; a second call does nothing.
func (t *Topic) leave(m *Member) {
	if m.At < 0 {
		return
	}
	t.list = unordered.Remove(t.list, int(m.At))
	if int(m.At) < len(t.list) {
		t.list[m.At].At = m.At
	}
	m.At = -1
	if m.whole {
		m.whole = false
		t.wholes--
	}
}

// retain returns the bytes of the batch from one place to another as something that outlives the round. A batch of several frames is
// copied, to its size and once a flush, as its buffer is used again.
func (t *Topic) retain(from, to int) (b []byte, r *retained) {
	r = t.retains
	if r == nil || from < r.from || to > r.from+len(r.Bytes) {
		r = &retained{of: &t.share, Bytes: t.batch}
		switch {
		case !t.owned:
		case t.flushing:
			r.Bytes = Cloned(t.batch)
		default:
			// There will be more of this batch, and other members may have heard what comes before.
			r.from, r.Bytes = from, Cloned(t.batch[from:to])
		}
		t.retains = r
	}
	return r.Bytes[from-r.from : to-r.from], r
}
