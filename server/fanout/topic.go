package fanout

import (
	"sync"
	"sync/atomic"

	"github.com/throng-chat/throng/server/unordered"
)

// Audience is the connections that receive the same messages: one topic for each shard and format that has had a member.
type Audience struct {
	// Constant.
	Name  string
	Owner any         // the object that has the audience, for its user
	Mu    *sync.Mutex // the owner's lock. It guards Topics, and messages get their order under it

	Topics []*Topic // guarded by Mu
	counts Counted  // guarded by Mu

	// Backlog is the number of bytes that were posted and are not written, summed over the shards. While it exceeds Limit, throng does not read
	// from publishers (backpressure): memory stays bounded, and TCP makes the publishers wait.
	Backlog atomic.Int64
	Limit   int64       // bytes; constant
	paused  atomic.Bool // some poller waits until the backlog is under Limit

	Retained atomic.Int64 // bytes that slow members make it retain, summed over the topics
}

// Counted is what was posted to an audience since the last TakeCountsLocked.
type Counted struct {
	Messages   uint64
	Deliveries uint64 // a message counts once for each member that receives it
}

// TakeCountsLocked returns the counts, and begins again at 0. The owner's lock is held.
func (a *Audience) TakeCountsLocked() (taken Counted) {
	taken, a.counts = a.counts, Counted{}
	return taken
}

// Message is a message to an audience. Any shard may call its methods, with formats that are encodings. The bytes that they return are shared
// and not changed.
type Message interface {
	// ReceivedBy reports whether members of a format receive the message.
	ReceivedBy(f Format) bool

	// Frame returns the frame of a format, which is encoded once. deltas is the time that the flush has left for deltas, in nanoseconds; Frame
	// subtracts the time that it uses.
	Frame(f Format, deltas *int) []byte

	// Full returns the frame for a member that does not have the message before this one. It is nil if the next message cannot be a delta of
	// this one.
	Full(f Format, deltas *int) []byte

	// Compressed returns the compressed frame of a format, which is made once (Core.CompressFrame). frame is the result of Frame.
	Compressed(f Format, frame []byte) []byte

	// Offset returns the position in the history of the audience, 0 for none. A gap in the offsets ends positioned memberships.
	Offset() uint64

	// Size returns the approximate number of bytes, for the backlog.
	Size() int
}

// Topic is the members of an audience on one shard, in one format.
type Topic struct {
	// Constant.
	Audience *Audience
	Shard    *Shard
	Format   Format

	// Owned by the shard.
	owned    bool // batch is a buffer of the shard
	flushing bool // the batch is complete and being written

	Members int // guarded by Audience.Mu: no message is posted to a topic without members

	// Owned by the shard.
	list     []*Member
	batch    []byte // frames that are not written: one that all topics share, or several in a buffer of the shard
	frames   int
	posted   int            // bytes of batch, as Audience.Backlog counts them
	context  *sharedContext // nil for none; it may have been dropped
	outside  int            // members that have not inflated all of the context
	needFull int            // members that need the full form of a message before they can receive deltas
	offset   uint64         // of the last message; 0 if there was none since the topic had no members

	kept     *retained     // bytes of the batch that slow members wait for; nil for none
	retained topicRetained // bytes that slow members make the topic retain
}

// Member is the membership of a connection in a topic.
type Member struct {
	Conn *Conn // constant

	// Owned by the shard.
	Topic      *Topic // set before the shard knows it, and then changed by MoveMember only
	From       uint32 // bytes of the topic's batch that the member has been sent, or does not receive
	fromFrames uint32 // frames of those
	At         int32  // index in Topic.list, -1 for none
	needsFull  bool   // counted in Topic.needFull
	outside    bool   // counted in Topic.outside
	Positioned bool   // a gap ends the membership; constant once the shard knows it
}

// TopicLocked returns the topic of a shard and a format, and makes it if there is none. The owner's lock is held.
func (a *Audience) TopicLocked(s *Shard, f Format) *Topic {
	for _, t := range a.Topics {
		if t.Shard == s && t.Format == f {
			return t
		}
	}
	t := &Topic{Audience: a, Shard: s, Format: f, retained: topicRetained{audience: &a.Retained, shard: &s.retained}}
	a.Topics = append(a.Topics, t)
	return t
}

// PostLocked posts a message to each topic with members that receive it, and returns the shards to wake (Engine.Wake), after the owner's
// lock, which is held, is unlocked.
func (a *Audience) PostLocked(m Message) (wake uint64) {
	return a.postLocked(Job{Do: Deliver, Message: m}, m.Size())
}

// PostFrameLocked posts a frame that all members receive, in every format, as PostLocked.
func (a *Audience) PostFrameLocked(frame []byte) (wake uint64) {
	return a.postLocked(Job{Do: Deliver, Frame: frame}, len(frame))
}

func (a *Audience) postLocked(what Job, size int) (wake uint64) {
	posted := 0
	a.counts.Messages++
	for _, t := range a.Topics {
		if t.Members == 0 || what.Message != nil && !what.Message.ReceivedBy(t.Format.Encoding()) {
			continue
		}
		posted += size
		a.counts.Deliveries += uint64(t.Members)
		what.Topic = t
		wake |= t.Shard.Push(what)
	}
	// A shard may have subtracted its part already. Then the backlog was too low for a moment, which pauses no publisher.
	a.Backlog.Add(int64(posted))
	return wake
}

// OverLimit reports whether the backlog exceeds its limit: then throng reads from no publisher of the audience (backpressure). Any goroutine
// may call it.
func (a *Audience) OverLimit() bool { return a.Backlog.Load() > a.Limit }

// join makes m a member. It receives the messages that are added from now on.
func (t *Topic) join(m *Member) {
	if len(t.list) == 0 {
		t.offset = 0 // nothing is posted to a topic without members
	}
	m.At = int32(len(t.list))
	m.From, m.fromFrames = uint32(len(t.batch)), uint32(t.frames)
	t.list = append(t.list, m)
	if m.outside = t.Format.Window().Shares(); m.outside {
		t.outside++
	}
}

// EachMember calls do with each member. It must be called on the shard.
func (t *Topic) EachMember(do func(*Member)) {
	for _, m := range t.list {
		do(m)
	}
}

// MembersBefore calls do with at most most members whose places are below end, the last one first, and returns the end for the next call; 0 if
// there are no more. The first call has math.MaxInt. A member that joins meanwhile has a place behind those of the calls, and one that leaves gives
// its place to the last one: so a member that stays in the topic is among those of one of the calls. It must be called on the shard.
func (t *Topic) MembersBefore(end, most int, do func(*Member)) (next int) {
	end = min(end, len(t.list))
	next = max(end-most, 0)
	for i := end - 1; i >= next; i-- {
		do(t.list[i])
	}
	return next
}

// leave ends the membership of m; a second call does nothing.
func (t *Topic) leave(m *Member) {
	if m.At < 0 {
		return
	}
	t.list = unordered.Remove(t.list, int(m.At))
	if int(m.At) < len(t.list) {
		t.list[m.At].At = m.At
	}
	m.At = -1
	if m.needsFull {
		m.needsFull = false
		t.needFull--
	}
	if m.outside {
		m.outside = false
		t.outside--
	}
	if len(t.list) == 0 {
		t.Shard.contexts.drop(t.context)
		t.context = nil
	}
}

// retain returns bytes of the batch that remain valid after the flush. A batch in a buffer of the shard is copied, once a flush and without
// spare capacity, since the buffer is used again.
func (t *Topic) retain(from, to int) (b []byte, r *retained) {
	r = t.kept
	if r == nil || from < r.from || to > r.from+len(r.Bytes) {
		r = &retained{of: &t.retained, Bytes: t.batch}
		switch {
		case !t.owned:
		case t.flushing:
			r.Bytes = ExactClone(t.batch)
		default:
			// The batch still grows, and other members may have been sent the bytes before from.
			r.from, r.Bytes = from, ExactClone(t.batch[from:to])
		}
		t.kept = r
	}
	return r.Bytes[from-r.from : to-r.from], r
}

// Relieve makes paused pollers read from the publishers of an audience again, if its backlog is within its limit. The caller has reduced the
// backlog, and holds no lock.
func (core *Core) Relieve(a *Audience) {
	if !a.OverLimit() && a.paused.Swap(false) {
		core.Pollers.wakeAll()
	}
}
