package fanout

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/unordered"
)

const (
	MaxShards     = 64 // hub.publish notes in one word whom to wake
	sendsPerYield = 16
)

// Shard owns a share of the connections: it alone writes to their sockets, and it alone knows which of them are in a room.
// It is one goroutine. Others post jobs to its inbox; it takes the whole inbox at once, gathers the frames of each room,
// and writes to each member once. While it writes, the next round gathers: a quiet room is sent at once, a busy one is
// batched by itself, with no timer.
type Shard struct {
	Engine *Engine
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
	retained   atomic.Int64 // bytes that those outboxes cost
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

const (
	keptBuffers   = 8
	keptBufferCap = 1 << 20
	keptJobs      = 1 << 16

	// DeltaBudget is how many nanoseconds of a round the deltas may take, as whoever makes them estimates that.
	DeltaBudget = 500_000
)

func NewShard(e *Engine, index int) *Shard {
	return &Shard{
		Engine:  e,
		index:   index,
		Wakeup:  make(chan struct{}, 1),
		Quit:    make(chan struct{}),
		scratch: make([]byte, 0, 64<<10),
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

// Run is the shard's goroutine. It ends when quit is closed.
func (s *Shard) Run() {
	for {
		select {
		case <-s.Wakeup:
			s.work()
		case <-s.Quit:
			return
		}
	}
}

// work is one round: it does everything that was posted, then writes.
func (s *Shard) work() {
	s.Mu.Lock()
	s.jobs, s.Inbox = s.Inbox, s.jobs[:0]
	first := s.first
	s.Mu.Unlock()

	s.deltas = DeltaBudget
	for i := range s.jobs {
		s.Handle(&s.jobs[i])
	}
	for i, t := range s.dirty {
		t.flush(s)
		s.dirty[i] = nil
	}
	s.dirty = s.dirty[:0]
	s.SendBulks()
	if s.anyReady.Swap(false) {
		s.resumeLaggards()
	}
	s.relieve()
	if s.deltas < 0 {
		s.Engine.Metrics.DeltasSpent.Inc()
	}
	AddTo(&s.Deliveries, s.round.deliveries)
	AddTo(&s.sentBytes, s.round.bytes)
	AddTo(&s.writes, s.round.writes)
	s.round = tally{}
	if len(s.jobs) > 0 {
		s.Engine.Metrics.ShardLag.Observe(time.Since(first).Seconds())
	}
	if cap(s.jobs) > keptJobs {
		s.jobs = nil
	}
	clear(s.jobs)
}

func (s *Shard) Handle(j *Job) {
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(j.Conn, e)
			if j.Do == joinHub {
				j.Conn.Handler.OnGone() // the loop may not know it, and will not tell
			}
		}
	}()
	switch c := j.Conn; j.Do {
	case Deliver:
		if j.Message != nil {
			j.Topic.deliver(s, j.Message)
		} else {
			j.Topic.add(s, j.Frame, len(j.Frame))
		}
	case SendFrame:
		s.send(c, j.Frame)
	case SendPing:
		s.sendPing(c, j.Frame)
	case SendReply:
		s.sendReply(c, j.Reply)
	case SendBulk:
		s.bulk = append(s.bulk, *j)
	case SendClose:
		s.sendClose(c, j.Frame)
	case joinHub:
		s.join(c, j)
	case leaveHub:
		s.leave(c)
	case JoinTopic:
		s.enter(j.Member, j.Whole)
	case LeaveTopic:
		s.exit(j.Member)
	case CallBack:
		j.Call()
	}
}

// join is the moment from which c receives its topic: its socket enters the loop, the answer to its handshake is the first
// thing written to it, and every job behind this one finds it a member.
func (s *Shard) join(c *Conn, j *Job) {
	c.ConnAt = int32(len(s.Conns))
	s.Conns = append(s.Conns, c)
	if j.Member != nil {
		j.Member.Topic.join(j.Member)
	}
	s.Engine.Heartbeat.AddTo(c)
	if len(j.early) > 0 {
		c.OnData(j.early, s.Engine.Clock.Now())
	}
	if err := s.Engine.Loop.add(c); err != nil {
		s.Engine.Log.Error("connection not taken", "error", err)
		s.abandon(c, ClosedGone)
		c.Handler.OnGone()
		return
	}
	s.write(c, j.Frame)
	c.Handler.OnOpen()
	// Who was let in while the drain began is told like the others.
	if s.Engine.Draining.Load() {
		c.End(ClosedShutdown, "server restarts")
	}
}

// enter is the moment from which a member receives its topic. whole says that it has nothing that the next message could be told as a
// delta of.
func (s *Shard) enter(m *Member, whole bool) {
	if m.Conn.Finishing {
		return
	}
	t := m.Topic
	t.join(m)
	if whole {
		m.whole = true
		t.wholes++
	}
	m.Conn.Handler.OnJoined(m)
}

// exit is the moment from which a member receives its topic no more. What was posted before is written first.
func (s *Shard) exit(m *Member) {
	if m.At >= 0 {
		m.Topic.flushMember(s, m)
		m.Topic.leave(m)
	}
	m.Conn.Handler.OnLeft(m)
}

// send writes a frame to c.
func (s *Shard) send(c *Conn, frame []byte) {
	if !c.Finishing {
		s.write(c, frame)
		s.yield()
	}
}

// sendPing writes a ping to c, ahead of what waits where c is slow: the client must not take the server for dead.
func (s *Shard) sendPing(c *Conn, frame []byte) {
	if c.Out == nil || c.Finishing {
		s.send(c, frame)
		return
	}
	own := c.Out.Own
	c.Out.PushUrgent(frame)
	c.sentBytes += uint64(len(frame))
	s.round.bytes += uint64(len(frame))
	s.queued(c, len(frame), own)
}

// catchUp writes to c what it has not got of its topics' batches.
func (s *Shard) catchUp(c *Conn) {
	for i := 0; ; i++ {
		m := c.Handler.Member(i)
		if m == nil {
			return
		}
		if m.At >= 0 && m.Topic.frames > 0 {
			m.Topic.flushMember(s, m)
		}
	}
}

// partAll takes c out of all topics.
func (s *Shard) partAll(c *Conn) {
	for i := 0; ; i++ {
		m := c.Handler.Member(i)
		if m == nil {
			return
		}
		m.Topic.leave(m)
	}
}

// sendReply writes a reply to c behind what its topics have received so far.
func (s *Shard) sendReply(c *Conn, r LateFrame) {
	if c.Finishing {
		return
	}
	var frame []byte
	frame, s.payload = r.AppendFrame(nil, s.payload, &s.deltas)
	if cap(s.payload) > keptBufferCap {
		s.payload = nil
	}
	s.catchUp(c)
	s.send(c, frame)
}

func (s *Shard) leave(c *Conn) {
	s.partAll(c)
	s.drop(c)
	s.Conns = unordered.Remove(s.Conns, int(c.ConnAt))
	if int(c.ConnAt) < len(s.Conns) {
		s.Conns[c.ConnAt].ConnAt = c.ConnAt
	}
}

// sendClose writes what c has not got of its room's batch, then the close frame. Nothing follows it.
func (s *Shard) sendClose(c *Conn, frame []byte) {
	if c.Finishing {
		return
	}
	s.catchUp(c)
	s.partAll(c)
	if c.Finishing {
		return // it was too slow for that
	}
	c.Finishing = true
	s.write(c, frame)
	s.Engine.Heartbeat.limitClose(c)
	if c.Out == nil {
		s.finish(c)
	}
}

// finish ends our side of TCP behind the close frame.
func (s *Shard) finish(c *Conn) {
	if err := netpoll.CloseWrite(c.Nc); err != nil {
		s.Engine.Log.Debug("end of stream not sent", "conn", c.Id, "error", err)
	}
}

// yield lets the pollers run. A send does not tell the scheduler of itself, so on one core they would starve.
func (s *Shard) yield() {
	if s.sends++; s.sends >= sendsPerYield {
		s.sends = 0
		runtime.Gosched()
	}
}

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
