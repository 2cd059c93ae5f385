package fanout

import (
	"errors"
	"runtime/debug"
	"syscall"

	"github.com/throng-chat/throng/server/netpoll"
)

// How a shard writes. All of it runs on the shard, which alone writes to its connections' sockets: two writers would mix
// their bytes.

// write sends a frame of c's own, or queues what the socket refuses.
func (s *Shard) write(c *Conn, frame []byte) { s.writePart(c, frame, nil, 0) }

// writePart sends b to c, or queues what the socket refuses. b begins at a place in the batch of a topic, or is a frame of c's own
// where t is nil.
func (s *Shard) writePart(c *Conn, b []byte, t *Topic, at int) {
	c.sentBytes += uint64(len(b))
	s.round.bytes += uint64(len(b))
	if c.Out != nil {
		s.queue(c, b, t, at)
		return
	}
	n, err := netpoll.Send(c.Nc, b)
	s.round.writes++
	if n == len(b) {
		return
	}
	if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
		s.abandon(c, ClosedGone)
		return
	}
	c.Out = &Outbox{}
	s.Laggards = append(s.Laggards, c)
	if s.queue(c, b[n:], t, at+n) {
		s.Engine.Heartbeat.limitStall(c)
		s.arm(c)
	}
}

// queue puts b behind what c has not been sent. A reader that costs too much alone is closed: then queue is false. What is being
// sent does not count: one frame closes nobody, however long it is.
func (s *Shard) queue(c *Conn, b []byte, t *Topic, at int) bool {
	own := c.Out.Own
	switch {
	case t != nil:
		c.Out.Push(t.retain(at, at+len(b)))
	case s.replying != nil:
		c.Out.PushReply(b, s.replying)
	default:
		c.Out.Push(b, nil)
	}
	s.queued(c, len(b), own)
	if c.Out.Alone() > s.Engine.MaxUnsent {
		s.abandon(c, ClosedSlow) // no close frame can reach it: the socket is full
		return false
	}
	return true
}

// queued counts n bytes more, or less, that wait for c, which cost own alone before.
func (s *Shard) queued(c *Conn, n, own int) {
	s.unsent.Add(int64(n))
	if c.Out.Own != own {
		s.countRetained(c.Out.Own - own)
	}
}

// sent takes n bytes out of what waits for c.
func (s *Shard) sent(c *Conn, n int) {
	own := c.Out.Own
	c.Out.Advance(n)
	s.queued(c, -n, own)
}

// arm asks to be told when the socket takes bytes again. nbio has no call for that, but it tells when it has written what
// it kept for us: so it is given one byte of the queue, the sentinel, and nothing else is written until that is gone.
func (s *Shard) arm(c *Conn) {
	sentinel := c.Out.Slices[0].B[:1]
	s.sent(c, 1)
	if _, err := c.Nc.Write(sentinel); err != nil {
		s.abandon(c, ClosedGone)
	}
}

// resumeLaggards goes on with those whose sentinel is gone.
func (s *Shard) resumeLaggards() {
	kept := s.Laggards[:0]
	for _, c := range s.Laggards {
		if c.Out != nil && c.unset(ready) {
			s.resume(c)
		}
		if c.Out != nil {
			kept = append(kept, c)
		}
	}
	clear(s.Laggards[len(kept):])
	s.Laggards = kept
}

func (s *Shard) resume(c *Conn) {
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(c, e)
		}
	}()
	c.Stalled.Store(uint32(s.Engine.Clock.Tick()))
	for c.Out.Bytes > 0 {
		n, err := netpoll.Send(c.Nc, c.Out.Head(s.scratch))
		s.round.writes++
		if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
			s.abandon(c, ClosedGone)
			return
		}
		s.sent(c, n)
		s.yield()
		if errors.Is(err, syscall.EAGAIN) {
			s.arm(c)
			return
		}
	}
	s.emptied(c)
	c.Stalled.Store(0)
	if c.Finishing {
		s.finish(c)
	}
}

// drop forgets what c was not sent, and counts it.
func (s *Shard) drop(c *Conn) {
	if c.Out == nil {
		return
	}
	s.unsent.Add(int64(-c.Out.Bytes))
	s.Engine.Metrics.Dropped.Add(float64(c.Out.Bytes))
	s.emptied(c)
	s.anyReady.Store(true) // so that the list of laggards forgets it
}

// emptied is when nothing waits for c any more.
func (s *Shard) emptied(c *Conn) {
	s.countRetained(-c.Out.Own)
	c.Out.release()
	c.Out = nil
}

// abandon ends c at once.
func (s *Shard) abandon(c *Conn, reason Reason) {
	s.partAll(c)
	s.drop(c)
	c.Finishing = true
	c.Cut(reason)
}

// abandonAfterPanic contains a fault of our own code: it costs the connection at hand, or, where there is none, the job.
func (s *Shard) abandonAfterPanic(c *Conn, e any) {
	s.Engine.Metrics.Panics.Inc()
	s.panics.Do(func() {
		s.Engine.Log.Error("panic on a shard", "error", e, "stack", string(debug.Stack()))
	})
	if c != nil {
		s.abandon(c, ClosedPanic)
	}
}
