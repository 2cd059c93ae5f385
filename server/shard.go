package server

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
	maxShards     = 64 // hub.publish notes in one word whom to wake
	sendsPerYield = 16
)

// shard owns a share of the connections: it alone writes to their sockets, and it alone knows which of them are in a room.
// It is one goroutine. Others post jobs to its inbox; it takes the whole inbox at once, gathers the frames of each room,
// and writes to each member once. While it writes, the next round gathers: a quiet room is sent at once, a busy one is
// batched by itself, with no timer.
type shard struct {
	engine *engine
	index  int
	wakeup chan struct{} // holds one token
	quit   chan struct{}

	mu    sync.Mutex // a leaf, held to append a job or to take all; where a room's order matters it is taken under the room's lock
	inbox []job
	first time.Time // when the oldest job in inbox was posted

	// Owned by run.
	jobs     []job
	conns    []*conn
	dirty    []*topic
	laggards []*conn // whose outbox is not empty
	free     [][]byte
	scratch  []byte
	payload  []byte // of replies
	round    tally
	sends    int         // since the last yield
	bulk     []job       // bulk replies to be written, a few a round
	replying *debt       // the bulk reply that is being written; nil for none
	deltas   int         // nanoseconds that are left of the round's for deltas
	pressed  []*audience // that retain more than one may
	panics   rate.Sometimes

	pressedByAll bool // all outboxes together cost more than they may

	anyReady atomic.Bool // some laggard's socket takes bytes again

	// Written by run, read by the metrics.
	unsent     atomic.Int64 // bytes in outboxes
	retained   atomic.Int64 // bytes that those outboxes cost
	deliveries atomic.Uint64
	sentBytes  atomic.Uint64 // written or queued
	writes     atomic.Uint64 // system calls
}

// tally counts what a round did.
type tally struct{ deliveries, bytes, writes uint64 }

type action uint8

const (
	deliver    action = iota // message, or frame, to the members of topic
	sendFrame                // frame to conn
	sendPing                 // frame to conn, ahead of what waits for it
	sendReply                // reply to conn, behind what its topics received before
	sendBulk                 // bulk to conn
	sendClose                // frame to conn, and nothing after it
	joinHub                  // conn's socket goes to the loop; frame is its first
	leaveHub                 // conn's socket is closed
	joinTopic                // member's connection receives its topic from here on
	leaveTopic               // and no more
	callBack
)

// job is what others ask of a shard. A frame is shared and never changed.
type job struct {
	do      action
	whole   bool // member has received nothing that the next message could be told as a delta of
	conn    *conn
	topic   *topic
	member  *member
	message delivery
	frame   []byte
	early   []byte
	reply   lateFrame
	bulk    bulk
	call    func()
}

// lateFrame is what a client is answered. It is encoded on the shard, in order with what the client receives of its topics.
type lateFrame interface {
	// appendFrame appends the frame. scratch is for the payload; it is returned for the next time. deltas is as in delivery.
	appendFrame(dst, scratch []byte, deltas *int) (frame, spent []byte)
}

const (
	keptBuffers   = 8
	keptBufferCap = 1 << 20
	keptJobs      = 1 << 16

	// deltaBudget is how many nanoseconds of a round the deltas may take, as whoever makes them estimates that.
	deltaBudget = 500_000
)

func newShard(e *engine, index int) *shard {
	return &shard{
		engine:  e,
		index:   index,
		wakeup:  make(chan struct{}, 1),
		quit:    make(chan struct{}),
		scratch: make([]byte, 0, 64<<10),
		panics:  logqueue.EverySecond(),
	}
}

// post hands the shard a job. Any goroutine may call it; it does not block.
func (s *shard) post(j job) {
	if s.push(j) != 0 {
		s.wake()
	}
}

// push appends a job to the inbox and returns the bits of the shards to wake: this one, or none. The caller may hold the lock of a
// room, and does where the job's place in the order of that room matters.
func (s *shard) push(j job) (wake uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.inbox) == 0 {
		s.first = time.Now()
		wake = 1 << s.index
	}
	s.inbox = append(s.inbox, j)
	return wake
}

// wake makes the shard look at its inbox and its laggards. It does not block.
func (s *shard) wake() {
	select {
	case s.wakeup <- struct{}{}:
	default:
	}
}

// run is the shard's goroutine. It ends when quit is closed.
func (s *shard) run() {
	for {
		select {
		case <-s.wakeup:
			s.work()
		case <-s.quit:
			return
		}
	}
}

// work is one round: it does everything that was posted, then writes.
func (s *shard) work() {
	s.mu.Lock()
	s.jobs, s.inbox = s.inbox, s.jobs[:0]
	first := s.first
	s.mu.Unlock()

	s.deltas = deltaBudget
	for i := range s.jobs {
		s.handle(&s.jobs[i])
	}
	for i, t := range s.dirty {
		t.flush(s)
		s.dirty[i] = nil
	}
	s.dirty = s.dirty[:0]
	s.sendBulks()
	if s.anyReady.Swap(false) {
		s.resumeLaggards()
	}
	s.relieve()
	if s.deltas < 0 {
		s.engine.metrics.DeltasSpent.Inc()
	}
	add(&s.deliveries, s.round.deliveries)
	add(&s.sentBytes, s.round.bytes)
	add(&s.writes, s.round.writes)
	s.round = tally{}
	if len(s.jobs) > 0 {
		s.engine.metrics.ShardLag.Observe(time.Since(first).Seconds())
	}
	if cap(s.jobs) > keptJobs {
		s.jobs = nil
	}
	clear(s.jobs)
}

func (s *shard) handle(j *job) {
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(j.conn, e)
			if j.do == joinHub {
				j.conn.handler.onGone() // the loop may not know it, and will not tell
			}
		}
	}()
	switch c := j.conn; j.do {
	case deliver:
		if j.message != nil {
			j.topic.deliver(s, j.message)
		} else {
			j.topic.add(s, j.frame, len(j.frame))
		}
	case sendFrame:
		s.send(c, j.frame)
	case sendPing:
		s.sendPing(c, j.frame)
	case sendReply:
		s.sendReply(c, j.reply)
	case sendBulk:
		s.bulk = append(s.bulk, *j)
	case sendClose:
		s.sendClose(c, j.frame)
	case joinHub:
		s.join(c, j)
	case leaveHub:
		s.leave(c)
	case joinTopic:
		s.enter(j.member, j.whole)
	case leaveTopic:
		s.exit(j.member)
	case callBack:
		j.call()
	}
}

// join is the moment from which c receives its topic: its socket enters the loop, the answer to its handshake is the first
// thing written to it, and every job behind this one finds it a member.
func (s *shard) join(c *conn, j *job) {
	c.connAt = int32(len(s.conns))
	s.conns = append(s.conns, c)
	if j.member != nil {
		j.member.topic.join(j.member)
	}
	s.engine.heartbeat.add(c)
	if len(j.early) > 0 {
		c.onData(j.early, s.engine.clock.now())
	}
	if err := s.engine.loop.add(c); err != nil {
		s.engine.log.Error("connection not taken", "error", err)
		s.abandon(c, closedGone)
		c.handler.onGone()
		return
	}
	s.write(c, j.frame)
	c.handler.onOpen()
	// Who was let in while the drain began is told like the others.
	if s.engine.draining.Load() {
		c.end(closedShutdown, "server restarts")
	}
}

// enter is the moment from which a member receives its topic. whole says that it has nothing that the next message could be told as a
// delta of.
func (s *shard) enter(m *member, whole bool) {
	if m.conn.finishing {
		return
	}
	t := m.topic
	t.join(m)
	if whole {
		m.whole = true
		t.wholes++
	}
	m.conn.handler.onJoined(m)
}

// exit is the moment from which a member receives its topic no more. What was posted before is written first.
func (s *shard) exit(m *member) {
	if m.at >= 0 {
		m.topic.flushMember(s, m)
		m.topic.leave(m)
	}
	m.conn.handler.onLeft(m)
}

// send writes a frame to c.
func (s *shard) send(c *conn, frame []byte) {
	if !c.finishing {
		s.write(c, frame)
		s.yield()
	}
}

// sendPing writes a ping to c, ahead of what waits where c is slow: the client must not take the server for dead.
func (s *shard) sendPing(c *conn, frame []byte) {
	if c.out == nil || c.finishing {
		s.send(c, frame)
		return
	}
	own := c.out.own
	c.out.pushUrgent(frame)
	c.sentBytes += uint64(len(frame))
	s.round.bytes += uint64(len(frame))
	s.queued(c, len(frame), own)
}

// catchUp writes to c what it has not got of its topics' batches.
func (s *shard) catchUp(c *conn) {
	for i := 0; ; i++ {
		m := c.handler.member(i)
		if m == nil {
			return
		}
		if m.at >= 0 && m.topic.frames > 0 {
			m.topic.flushMember(s, m)
		}
	}
}

// partAll takes c out of all topics.
func (s *shard) partAll(c *conn) {
	for i := 0; ; i++ {
		m := c.handler.member(i)
		if m == nil {
			return
		}
		m.topic.leave(m)
	}
}

// sendReply writes a reply to c behind what its topics have received so far.
func (s *shard) sendReply(c *conn, r lateFrame) {
	if c.finishing {
		return
	}
	var frame []byte
	frame, s.payload = r.appendFrame(nil, s.payload, &s.deltas)
	if cap(s.payload) > keptBufferCap {
		s.payload = nil
	}
	s.catchUp(c)
	s.send(c, frame)
}

func (s *shard) leave(c *conn) {
	s.partAll(c)
	s.drop(c)
	s.conns = unordered.Remove(s.conns, int(c.connAt))
	if int(c.connAt) < len(s.conns) {
		s.conns[c.connAt].connAt = c.connAt
	}
}

// sendClose writes what c has not got of its room's batch, then the close frame. Nothing follows it.
func (s *shard) sendClose(c *conn, frame []byte) {
	if c.finishing {
		return
	}
	s.catchUp(c)
	s.partAll(c)
	if c.finishing {
		return // it was too slow for that
	}
	c.finishing = true
	s.write(c, frame)
	s.engine.heartbeat.limitClose(c)
	if c.out == nil {
		s.finish(c)
	}
}

// finish ends our side of TCP behind the close frame.
func (s *shard) finish(c *conn) {
	if err := netpoll.CloseWrite(c.nc); err != nil {
		s.engine.log.Debug("end of stream not sent", "conn", c.id, "error", err)
	}
}

// yield lets the pollers run. A send does not tell the scheduler of itself, so on one core they would starve.
func (s *shard) yield() {
	if s.sends++; s.sends >= sendsPerYield {
		s.sends = 0
		runtime.Gosched()
	}
}

// buffer is an empty one for a batch.
func (s *shard) buffer() []byte {
	if last := len(s.free) - 1; last >= 0 {
		b := s.free[last]
		s.free[last] = nil
		s.free = s.free[:last]
		return b
	}
	return nil
}

// recycle takes a buffer back that nobody holds a slice of.
func (s *shard) recycle(b []byte) {
	if len(s.free) < keptBuffers && cap(b) <= keptBufferCap {
		s.free = append(s.free, b[:0])
	}
}
