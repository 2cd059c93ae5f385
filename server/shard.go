package server

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/ws"
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
		scratch: make([]byte, 0, 64<<10),
		panics:  everySecond(),
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
			if j.do == joinRoom {
				s.hub.leave(j.conn) // the loop may not know it, and will not tell
			}
		}
	}()
	switch c := j.conn; j.do {
	case deliver:
		j.part.add(s, j.frame)
	case sendFrame:
		if !c.finishing {
			s.write(c, j.frame)
			s.yield()
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
	// Who was let in while the drain began is told like the others.
	if s.hub.draining.Load() {
		c.close(closedShutdown, ws.CloseRestart, "server restarts")
	}
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
