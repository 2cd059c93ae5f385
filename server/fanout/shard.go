package fanout

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
)

const MaxShards = 64 // Shard.Push returns the shards to wake as bits of one word

// Shard owns a share of the connections: it alone writes to them and knows their memberships. It is one goroutine. Other goroutines post
// jobs to its inbox.
//
// A shard takes the whole inbox at once, collects the frames of each topic, and writes to each member once: that is a flush. While it
// writes, the next flush collects. So a quiet room is sent at once, and a busy one is batched without a timer.
type Shard struct {
	Core   *Core
	index  int
	Wakeup chan struct{} // holds one token
	Quit   chan struct{} // closed to end Run

	// A leaf, held to append a job or to take all. If the order of a room matters, it is taken under the room's lock.
	Mu    sync.Mutex
	Inbox []Job
	first time.Time // when the oldest job of Inbox was posted

	// Owned by Run.
	jobs          []Job
	Conns         []*Conn
	dirty         []*Topic // topics with a batch
	SlowConsumers []*Conn  // connections with an outbox
	free          [][]byte // buffers for batches
	scratch       []byte
	payload       []byte // scratch space for the payload of a reply
	counts        flushCounters
	sends         int               // since the last yield
	bulk          []Job             // bulk replies that are not written, a few are written in each flush
	replying      *OutstandingReply // the bulk reply that is being written; nil for none
	deltas        int               // nanoseconds of DeltaBudget that are left for this flush
	compression   int               // nanoseconds of CompressionBudget that are left for this flush
	contexts      contexts          // of its topics
	overLimit     []*Audience       // audiences that exceed their budget of retained bytes
	panics        rate.Sometimes

	allOverLimit bool // all outboxes together exceed their budget

	anyWritable atomic.Bool // some slow consumer's socket accepts bytes again. Set by the loop

	surveyor surveyor

	// Written by Run, read by the metrics.
	unsent     atomic.Int64  // bytes in outboxes
	retained   shardRetained // bytes that those outboxes retain
	Deliveries atomic.Uint64
	sentBytes  atomic.Uint64 // written or queued
	writes     atomic.Uint64 // system calls
}

// flushCounters counts what a flush did.
type flushCounters struct{ deliveries, bytes, writes uint64 }

// Action is what a Job does.
type Action uint8

const (
	Deliver    Action = iota // Message or Frame to the members of Topic
	SendFrame                // Frame to Conn
	SendPing                 // Frame to Conn, ahead of its unsent frames
	SendReply                // Reply to Conn, after the messages of its topics
	SendBulk                 // Bulk to Conn
	SendClose                // Frame to Conn, as the last one
	SendAlert                // the alert of the transport of Conn (Alerter), which ends it
	addConn                  // add Conn to the event loop; Frame is the first frame to it
	removeConn               // Conn is closed
	JoinTopic                // Member joins its topic
	LeaveTopic               // Member leaves its topic
	MoveMember               // Member moves to Topic, which is another one of its audience
	CallBack                 // call Call
)

// Job is an entry of the inbox of a shard. Its frame is shared and not changed.
type Job struct {
	Do        Action
	NeedsFull bool // Member has no message that the next one could be a delta of
	Conn      *Conn
	Topic     *Topic
	Member    *Member
	Message   Message
	Frame     []byte
	early     []byte
	Reply     LateFrame
	Bulk      BulkReply
	Call      func()
}

// LateFrame is a reply that is encoded on the shard, in order with the messages of the client's topics.
type LateFrame interface {
	// AppendFrame appends the frame to dst. scratch is space for the payload; AppendFrame returns it for the next call. deltas is as in
	// Message.Frame.
	AppendFrame(dst, scratch []byte, deltas *int) (frame, spent []byte)
}

// newShard returns a shard that does not run. index is its number in the engine, below MaxShards.
func newShard(of *Core, index int) *Shard {
	return &Shard{
		Core:     of,
		index:    index,
		Wakeup:   make(chan struct{}, 1),
		Quit:     make(chan struct{}),
		scratch:  make([]byte, 0, 64<<10),
		retained: shardRetained{all: &of.Retained},
		panics:   logqueue.EverySecond(),
	}
}

// Post appends a job to the inbox and wakes the shard. Any goroutine may call it; it does not block.
func (s *Shard) Post(j Job) {
	if s.Push(j) != 0 {
		s.Wake()
	}
}

// Push appends a job to the inbox and returns the bit of the shard if it must be woken, else 0. The caller may hold the lock of a room. It
// holds it if the place of the job in the order of that room matters.
func (s *Shard) Push(j Job) (wake uint64) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if len(s.Inbox) == 0 {
		s.first = time.Now()
		wake = 1 << s.index
	}
	s.Inbox = append(s.Inbox, j)
	return wake
}

// Wake makes the shard run a flush. It does not block.
func (s *Shard) Wake() {
	select {
	case s.Wakeup <- struct{}{}:
	default:
	}
}

const (
	keptBuffers   = 8       // buffers that a shard keeps for batches
	keptBufferCap = 1 << 20 // bytes; a larger buffer is not kept
	keptJobs      = 1 << 16 // a larger inbox is not kept

	// DeltaBudget is the time that a flush may spend on deltas, in nanoseconds, as their encoder estimates it.
	DeltaBudget = 500_000
)

// buffer returns an empty buffer for a batch.
func (s *Shard) buffer() []byte {
	if last := len(s.free) - 1; last >= 0 {
		b := s.free[last]
		s.free[last] = nil
		s.free = s.free[:last]
		return b
	}
	return nil
}

// recycle keeps a buffer for the next batch. No slice of it may be in use.
func (s *Shard) recycle(b []byte) {
	if len(s.free) < keptBuffers && cap(b) <= keptBufferCap {
		s.free = append(s.free, b[:0])
	}
}
