package fanout

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/ws"
)

const MaxShards = 64 // hub.publish notes in one word whom to wake

// Shared is what the shards of an engine share, and, through them, its connections.
type Shared struct {
	// Constant after newEngine and start.
	Log       *slog.Logger
	Metrics   *metrics.Metrics
	Clock     *clock
	Pollers   *pollers
	Heartbeat *Heartbeat
	Shards    []*Shard

	Rules           ws.Rules
	frameRate       limiter.Rate
	byteRate        ByteRate
	MaxUnsent       int
	MaxRetained     int64 // bytes that all outboxes may cost
	MaxRetainedRoom int64 // bytes that the slow members of one room may make it retain

	slow       rate.Sometimes // to say so
	Live       atomic.Int64   // connections, from reserve to leave
	Draining   atomic.Bool
	Retained   atomic.Int64       // bytes that all outboxes cost
	Unfinished *unfinished[*Conn] // messages that have begun and not ended
}

// Shard owns a share of the connections: it alone writes to their sockets, and it alone knows which of them are in a room.
// It is one goroutine. Others post jobs to its inbox; it takes the whole inbox at once, gathers the frames of each room,
// and writes to each member once. While it writes, the next round gathers: a quiet room is sent at once, a busy one is
// batched by itself, with no timer.
type Shard struct {
	Shared *Shared
	index  int
	Wakeup chan struct{} // holds one token
	Quit   chan struct{}

	Mu    sync.Mutex // a leaf, held to append a job or to take all; where a room's order matters it is taken under the room's lock
	Inbox []Job
	first time.Time // when the oldest job in inbox was posted

	// Owned by run.
	jobs     []Job
	Conns    []*Conn
	dirty    []*Topic
	Laggards []*Conn // whose outbox is not empty
	free     [][]byte
	scratch  []byte
	payload  []byte // of replies
	round    tally
	sends    int         // since the last yield
	bulk     []Job       // bulk replies to be written, a few a round
	replying *Debt       // the bulk reply that is being written; nil for none
	deltas   int         // nanoseconds that are left of the round's for deltas
	pressed  []*Audience // that retain more than one may
	panics   rate.Sometimes

	pressedByAll bool // all outboxes together cost more than they may

	anyReady atomic.Bool // some laggard's socket takes bytes again

	// Written by run, read by the metrics.
	unsent     atomic.Int64 // bytes in outboxes
	costs      bill         // of those outboxes
	Deliveries atomic.Uint64
	sentBytes  atomic.Uint64 // written or queued
	writes     atomic.Uint64 // system calls
}

// tally counts what a round did.
type tally struct{ deliveries, bytes, writes uint64 }

type action uint8

const (
	Deliver    action = iota // message, or frame, to the members of topic
	SendFrame                // frame to conn
	SendPing                 // frame to conn, ahead of what waits for it
	SendReply                // reply to conn, behind what its topics received before
	SendBulk                 // bulk to conn
	SendClose                // frame to conn, and nothing after it
	joinHub                  // conn's socket goes to the loop; frame is its first
	leaveHub                 // conn's socket is closed
	JoinTopic                // member's connection receives its topic from here on
	LeaveTopic               // and no more
	CallBack
)

// Job is what others ask of a shard. A frame is shared and never changed.
type Job struct {
	Do      action
	Whole   bool // member has received nothing that the next message could be told as a delta of
	Conn    *Conn
	Topic   *Topic
	Member  *Member
	Message Message
	Frame   []byte
	early   []byte
	Reply   LateFrame
	Bulk    bulk
	Call    func()
}

// LateFrame is what a client is answered. It is encoded on the shard, in order with what the client receives of its topics.
type LateFrame interface {
	// AppendFrame appends the frame. scratch is for the payload; it is returned for the next time. deltas is as in delivery.
	AppendFrame(dst, scratch []byte, deltas *int) (frame, spent []byte)
}

func NewShard(of *Shared, index int) *Shard {
	return &Shard{
		Shared:  of,
		index:   index,
		Wakeup:  make(chan struct{}, 1),
		Quit:    make(chan struct{}),
		scratch: make([]byte, 0, 64<<10),
		costs:   bill{all: &of.Retained},
		panics:  logqueue.EverySecond(),
	}
}

// Post hands the shard a job. Any goroutine may call it; it does not block.
func (s *Shard) Post(j Job) {
	if s.Push(j) != 0 {
		s.Wake()
	}
}

// Push appends a job to the inbox and returns the bits of the shards to wake: this one, or none. The caller may hold the lock of a
// room, and does where the job's place in the order of that room matters.
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

// Wake makes the shard look at its inbox and its laggards. It does not block.
func (s *Shard) Wake() {
	select {
	case s.Wakeup <- struct{}{}:
	default:
	}
}

const (
	keptBuffers   = 8
	keptBufferCap = 1 << 20
	keptJobs      = 1 << 16

	// DeltaBudget is how many nanoseconds of a round the deltas may take, as whoever makes them estimates that.
	DeltaBudget = 500_000
)

// buffer is an empty one for a batch.
func (s *Shard) buffer() []byte {
	if last := len(s.free) - 1; last >= 0 {
		b := s.free[last]
		s.free[last] = nil
		s.free = s.free[:last]
		return b
	}
	return nil
}

// recycle takes a buffer back that nobody holds a slice of.
func (s *Shard) recycle(b []byte) {
	if len(s.free) < keptBuffers && cap(b) <= keptBufferCap {
		s.free = append(s.free, b[:0])
	}
}

func (all *Shared) Release() { all.Live.Add(-1) }

// Leave counts a connection out whose socket is closed; a second call does nothing. Called by its handler, on the goroutine that owns it.
func (all *Shared) Leave(c *Conn) {
	if c.Set(Left) {
		return
	}
	c.SetReason(ClosedGone)
	reason := c.Reason()
	all.Metrics.Closes[reason].Inc()
	if reason == ClosedSlow {
		all.slow.Do(func() {
			all.Log.Warn("slow reader closed; others may follow unnamed", "conn", c.Id, "address", c.Address())
		})
	}
	all.Heartbeat.remove(c)
	all.Unfinished.remove(c)
	c.Handler.OnLeave()
	c.Shard.Post(Job{Do: leaveHub, Conn: c})
	all.Release()
}
