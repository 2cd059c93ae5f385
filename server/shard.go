package server

import (
	"errors"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// shard owns a share of the connections: it alone writes to their sockets, and it alone knows which of them are in a room.
// It is one goroutine. Others post jobs to its inbox; it takes the whole inbox at once, gathers the frames of each room,
// and writes to each member once. While it writes, the next round gathers: a quiet room is sent at once, a busy one is
// batched by itself, with no timer.
type shard struct {
	hub    *hub
	index  int
	wakeup chan struct{} // holds one token
	quit   chan struct{}
	done   chan struct{}

	inbox []job     // guarded by hub.mu
	first time.Time // when the oldest job in inbox was posted; guarded by hub.mu

	// Owned by run.
	jobs     []job
	conns    []*conn
	dirty    []*part
	laggards []*conn // whose outbox is not empty
	free     [][]byte
	scratch  []byte
	round    tally
	sends    int // since the last yield
	panics   rate.Sometimes
	slow     rate.Sometimes

	anyReady atomic.Bool // some laggard's socket takes bytes again

	// Written by run, read by the metrics.
	unsent     atomic.Int64 // bytes in outboxes
	deliveries atomic.Uint64
	sentBytes  atomic.Uint64 // written or queued
	writes     atomic.Uint64 // system calls
}

// tally counts what a round did.
type tally struct{ deliveries, bytes, writes uint64 }

type action uint8

const (
	deliver   action = iota // frame to the members of part
	sendFrame               // frame to conn
	sendClose               // frame to conn, and nothing after it
	joinRoom                // conn's socket goes to the loop; frame is its first
	leaveRoom               // conn's socket is closed
	callBack
)

// job is what others ask of a shard. A frame is shared and never changed.
type job struct {
	do    action
	conn  *conn
	part  *part
	frame []byte
	early []byte
	call  func()
}

const (
	keptBuffers   = 8
	keptBufferCap = 1 << 20
	keptJobs      = 1 << 16
)

func newShard(h *hub, index int) *shard {
	return &shard{
		hub:     h,
		index:   index,
		wakeup:  make(chan struct{}, 1),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
		scratch: make([]byte, 0, 64<<10),
		panics:  rate.Sometimes{Interval: time.Second},
		slow:    rate.Sometimes{Interval: time.Second},
	}
}

// pushLocked adds a job and says whether the shard must be woken. hub.mu is held.
func (s *shard) pushLocked(j job) (wake bool) {
	wake = len(s.inbox) == 0
	if wake {
		s.first = time.Now()
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
	defer close(s.done)
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
	h := s.hub
	h.mu.Lock()
	s.jobs, s.inbox = s.inbox, s.jobs[:0]
	first := s.first
	h.mu.Unlock()

	for i := range s.jobs {
		s.handle(&s.jobs[i])
	}
	for i, p := range s.dirty {
		p.flush(s)
		s.dirty[i] = nil
	}
	s.dirty = s.dirty[:0]
	if s.anyReady.Swap(false) {
		s.resumeLaggards()
	}
	add(&s.deliveries, s.round.deliveries)
	add(&s.sentBytes, s.round.bytes)
	add(&s.writes, s.round.writes)
	s.round = tally{}
	if len(s.jobs) > 0 {
		h.metrics.shardLag.Observe(time.Since(first).Seconds())
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
		}
	}()
	switch c := j.conn; j.do {
	case deliver:
		j.part.add(s, j.frame)
	case sendFrame:
		if !c.finishing {
			s.write(c, j.frame)
		}
	case sendClose:
		s.sendClose(c, j.frame)
	case joinRoom:
		s.join(c, j.frame, j.early)
	case leaveRoom:
		s.leave(c)
	case callBack:
		j.call()
	}
}

// join is the moment from which c hears its room: its socket enters the loop, the answer to its handshake is the first
// thing written to it, and every job behind this one finds it a member.
func (s *shard) join(c *conn, hello, early []byte) {
	c.connAt = int32(len(s.conns))
	s.conns = append(s.conns, c)
	c.part.join(c)
	s.hub.heartbeat.add(c)
	if len(early) > 0 {
		c.onData(early, s.hub.clock.now())
	}
	if err := s.hub.loop.add(c); err != nil {
		s.hub.log.Error("connection not taken", "error", err)
		s.abandon(c, closedGone)
		s.hub.leave(c)
		return
	}
	s.write(c, hello)
}

func (s *shard) leave(c *conn) {
	c.part.leave(c)
	s.drop(c)
	last := len(s.conns) - 1
	s.conns[c.connAt] = s.conns[last]
	s.conns[c.connAt].connAt = c.connAt
	s.conns[last] = nil
	s.conns = s.conns[:last]
}

// sendClose writes what c has not got of its room's batch, then the close frame. Nothing follows it.
func (s *shard) sendClose(c *conn, frame []byte) {
	if c.finishing {
		return
	}
	if c.memberAt >= 0 {
		c.part.flushMember(s, c)
		c.part.leave(c)
	}
	c.finishing = true
	s.write(c, frame)
	s.hub.heartbeat.limitClose(c)
	if c.out == nil {
		s.finish(c)
	}
}

// finish ends our side of TCP behind the close frame.
func (s *shard) finish(c *conn) {
	if err := shutdownWrite(c.nc); err != nil {
		s.hub.log.Debug("end of stream not sent", "conn", c.id, "error", err)
	}
}

// write sends b to c, or queues what the socket refuses. kept says that a slice of b is queued, so b must not be reused.
func (s *shard) write(c *conn, b []byte) (kept bool) {
	c.sentBytes += uint64(len(b))
	s.round.bytes += uint64(len(b))
	if c.out != nil {
		return s.queue(c, b)
	}
	n, err := sendNow(c.nc, b)
	s.round.writes++
	if n == len(b) {
		return false
	}
	if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
		s.abandon(c, closedGone)
		return false
	}
	c.out = &outbox{}
	s.laggards = append(s.laggards, c)
	kept = s.queue(c, b[n:])
	if kept {
		s.hub.heartbeat.limitStall(c)
		s.arm(c)
	}
	return kept
}

// queue puts b behind what c has not been sent. A reader who is too far behind is closed.
func (s *shard) queue(c *conn, b []byte) (kept bool) {
	c.out.push(b)
	s.unsent.Add(int64(len(b)))
	if c.out.bytes > s.hub.maxUnsent {
		s.cutSlow(c)
		return false
	}
	return true
}

// cutSlow closes a reader who is too far behind. No close frame can reach it: the socket is full.
func (s *shard) cutSlow(c *conn) {
	s.slow.Do(func() {
		s.hub.log.Warn("slow reader closed", "conn", c.id, "address", c.address(), "room", c.part.room.name,
			"unsent", c.out.bytes, "limit", s.hub.maxUnsent)
	})
	s.abandon(c, closedSlow)
}

// arm asks to be told when the socket takes bytes again. nbio has no call for that, but it tells when it has written what
// it kept for us: so it is given one byte of the queue, the sentinel, and nothing else is written until that is gone.
func (s *shard) arm(c *conn) {
	sentinel := c.out.batches[0][:1]
	c.out.advance(1)
	s.unsent.Add(-1)
	if _, err := c.nc.Write(sentinel); err != nil {
		s.abandon(c, closedGone)
	}
}

// resumeLaggards goes on with those whose sentinel is gone.
func (s *shard) resumeLaggards() {
	kept := s.laggards[:0]
	for _, c := range s.laggards {
		if c.out != nil && c.ready.Swap(false) {
			s.resume(c)
		}
		if c.out != nil {
			kept = append(kept, c)
		}
	}
	clear(s.laggards[len(kept):])
	s.laggards = kept
}

func (s *shard) resume(c *conn) {
	c.stalled.Store(uint32(s.hub.clock.tick()))
	for c.out.bytes > 0 {
		n, err := sendNow(c.nc, c.out.head(s.scratch))
		s.round.writes++
		if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
			s.abandon(c, closedGone)
			return
		}
		c.out.advance(n)
		s.unsent.Add(int64(-n))
		s.yield()
		if errors.Is(err, syscall.EAGAIN) {
			s.arm(c)
			return
		}
	}
	c.out = nil
	c.stalled.Store(0)
	if c.finishing {
		s.finish(c)
	}
}

// drop forgets what c was not sent, and counts it.
func (s *shard) drop(c *conn) {
	if c.out == nil {
		return
	}
	s.unsent.Add(int64(-c.out.bytes))
	s.hub.metrics.dropped.Add(float64(c.out.bytes))
	c.out = nil
	s.anyReady.Store(true) // so that the list of laggards forgets it
}

// abandon ends c at once.
func (s *shard) abandon(c *conn, reason closeReason) {
	c.part.leave(c)
	s.drop(c)
	c.finishing = true
	c.cut(reason)
}

// abandonAfterPanic contains a fault of our own code: it costs the connection at hand, or, where there is none, the job.
func (s *shard) abandonAfterPanic(c *conn, e any) {
	s.hub.metrics.panics.Inc()
	s.panics.Do(func() {
		s.hub.log.Error("panic on a shard", "error", e, "stack", string(debug.Stack()))
	})
	if c != nil {
		s.abandon(c, closedPanic)
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
