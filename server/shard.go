package server

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/centrifugal/protocol"
	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/netpoll"
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
	hub    *hub
	index  int
	wakeup chan struct{} // holds one token
	quit   chan struct{}

	mu    sync.Mutex // a leaf, held to append a job or to take all; where a room's order matters it is taken under the room's lock
	inbox []job
	first time.Time // when the oldest job in inbox was posted

	// Owned by run.
	jobs     []job
	conns    []*conn
	dirty    []*part
	laggards []*conn // whose outbox is not empty
	free     [][]byte
	scratch  []byte
	payload  []byte // of replies
	round    tally
	sends    int     // since the last yield
	answers  []job   // long replies to be written, a few a round
	replying *debt   // the long reply that is being written; nil for none
	deltas   int     // nanoseconds that are left of the round's for deltas
	pressed  []*room // that retain more than one may
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
	deliver     action = iota // message, or for plain members frame, to the members of part
	sendFrame                 // frame to conn
	sendPing                  // frame to conn, ahead of what waits for it
	sendReplies               // replies to conn, in one frame
	sendAnswer                // frame and the body of answer to conn, and then call posted to its poller
	sendClose                 // frame to conn, and nothing after it
	joinHub                   // conn's socket goes to the loop; frame is its first
	leaveHub                  // conn's socket is closed
	joinPart                  // sub's connection hears its room from here on
	leavePart                 // and no more
	callBack
)

// job is what others ask of a shard. A frame is shared and never changed.
type job struct {
	do        action
	whole     bool // sub has heard nothing that the next publication could be told as a delta of
	conn      *conn
	part      *part
	sub       *subscription
	message   *message
	frame     []byte
	early     []byte
	replies   []*protocol.Reply
	admission *admission // whose replies are to follow
	answer    *longReply
	call      func()
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
	for i, p := range s.dirty {
		p.flush(s)
		s.dirty[i] = nil
	}
	s.dirty = s.dirty[:0]
	s.sendAnswers()
	if s.anyReady.Swap(false) {
		s.resumeLaggards()
	}
	s.relieve()
	if s.deltas < 0 {
		s.hub.metrics.deltasSpent.Inc()
	}
	add(&s.deliveries, s.round.deliveries)
	add(&s.sentBytes, s.round.bytes)
	add(&s.writes, s.round.writes)
	s.round = tally{}
	if len(s.jobs) > 0 {
		s.hub.metrics.shardLag.Observe(time.Since(first).Seconds())
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
				s.hub.gone(j.conn) // the loop may not know it, and will not tell
			}
		}
	}()
	switch c := j.conn; j.do {
	case deliver:
		if j.message != nil {
			j.part.say(s, j.message)
		} else {
			j.part.add(s, j.frame, len(j.frame))
		}
	case sendFrame:
		s.send(c, j.frame)
	case sendPing:
		s.sendPing(c, j.frame)
	case sendReplies:
		s.sendReplies(c, j)
	case sendAnswer:
		s.answers = append(s.answers, *j)
	case sendClose:
		s.sendClose(c, j.frame)
	case joinHub:
		s.join(c, j.frame, j.early)
	case leaveHub:
		s.leave(c)
	case joinPart:
		s.enter(j.sub, j.whole)
	case leavePart:
		s.exit(j.sub)
	case callBack:
		j.call()
	}
}

// join is the moment from which c hears its room: its socket enters the loop, the answer to its handshake is the first
// thing written to it, and every job behind this one finds it a member.
func (s *shard) join(c *conn, hello, early []byte) {
	c.connAt = int32(len(s.conns))
	s.conns = append(s.conns, c)
	if c.place.part != nil {
		c.place.part.join(&c.place)
	}
	s.hub.heartbeat.add(c)
	if c.session == nil && len(early) > 0 {
		c.onData(early, s.hub.clock.now())
	}
	if err := s.hub.loop.add(c); err != nil {
		s.hub.log.Error("connection not taken", "error", err)
		s.abandon(c, closedGone)
		s.hub.gone(c)
		return
	}
	s.write(c, hello)
	if c.session != nil && len(early) > 0 {
		c.session.poller.post(c.session.begin)
	}
	// Who was let in while the drain began is told like the others.
	if s.hub.draining.Load() {
		c.sayGoodbye()
	}
}

// enter is the moment from which a subscription hears its room.
func (s *shard) enter(sub *subscription, whole bool) {
	if sub.conn.finishing {
		return
	}
	p := sub.part
	p.join(&sub.member)
	if whole && p.encoding.withDelta() {
		sub.whole = true
		p.wholes++
	}
	session := sub.conn.session
	session.joined = append(session.joined, sub)
}

// exit is the moment from which a subscription hears its room no more. What was said before is written first.
func (s *shard) exit(sub *subscription) {
	if sub.at >= 0 {
		sub.part.flushMember(s, &sub.member)
		sub.part.leave(&sub.member)
	}
	session := sub.conn.session
	if i := slices.Index(session.joined, sub); i >= 0 {
		session.joined = slices.Delete(session.joined, i, i+1)
	}
}

// send writes a frame to c behind what its rooms have said so far.
func (s *shard) send(c *conn, frame []byte) {
	if c.finishing {
		return
	}
	if c.session != nil {
		s.catchUp(c)
	}
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

// catchUp writes to c what it has not got of its rooms' batches.
func (s *shard) catchUp(c *conn) {
	if c.session == nil {
		if c.place.at >= 0 {
			c.place.part.flushMember(s, &c.place)
		}
		return
	}
	for _, sub := range c.session.joined {
		if sub.at >= 0 && sub.part.frames > 0 {
			sub.part.flushMember(s, &sub.member)
		}
	}
}

// partAll takes c out of all rooms.
func (s *shard) partAll(c *conn) {
	if c.session == nil {
		if c.place.part != nil {
			c.place.part.leave(&c.place)
		}
		return
	}
	for _, sub := range c.session.joined {
		sub.part.leave(&sub.member)
	}
}

// sendReplies writes the answers to one frame of commands.
func (s *shard) sendReplies(c *conn, j *job) {
	if c.finishing {
		return
	}
	replies := j.replies
	if j.admission != nil {
		replies = append(replies, j.admission.replies(&s.deltas)...)
	}
	var frame []byte
	frame, s.payload = appendReplies(nil, s.payload, c.session.encoding, replies)
	if cap(s.payload) > keptBufferCap {
		s.payload = nil
	}
	s.send(c, frame)
}

func (s *shard) leave(c *conn) {
	s.partAll(c)
	s.drop(c)
	s.conns = without(s.conns, int(c.connAt))
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
	s.hub.heartbeat.limitClose(c)
	if c.out == nil {
		s.finish(c)
	}
}

// finish ends our side of TCP behind the close frame.
func (s *shard) finish(c *conn) {
	if err := netpoll.CloseWrite(c.nc); err != nil {
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
