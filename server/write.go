package server

import (
	"errors"
	"runtime/debug"
	"syscall"

	"github.com/throng-chat/throng/server/netpoll"
)

// How a shard writes. All of it runs on the shard, which alone writes to its connections' sockets: two writers would mix
// their bytes.

// write sends a frame of c's own, or queues what the socket refuses.
func (s *shard) write(c *conn, frame []byte) { s.writePart(c, frame, nil, 0) }

// writePart sends b to c, or queues what the socket refuses. b begins at a place in the batch of a topic, or is a frame of c's own
// where t is nil.
func (s *shard) writePart(c *conn, b []byte, t *topic, at int) {
	c.sentBytes += uint64(len(b))
	s.round.bytes += uint64(len(b))
	if c.out != nil {
		s.queue(c, b, t, at)
		return
	}
	n, err := netpoll.Send(c.nc, b)
	s.round.writes++
	if n == len(b) {
		return
	}
	if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
		s.abandon(c, closedGone)
		return
	}
	c.out = &outbox{}
	s.laggards = append(s.laggards, c)
	if s.queue(c, b[n:], t, at+n) {
		s.engine.heartbeat.limitStall(c)
		s.arm(c)
	}
}

// queue puts b behind what c has not been sent. A reader that costs too much alone is closed: then queue is false. What is being
// sent does not count: one frame closes nobody, however long it is.
func (s *shard) queue(c *conn, b []byte, t *topic, at int) bool {
	own := c.out.own
	switch {
	case t != nil:
		c.out.push(t.retain(at, at+len(b)))
	case s.replying != nil:
		c.out.pushReply(b, s.replying)
	default:
		c.out.push(b, nil)
	}
	s.queued(c, len(b), own)
	if c.out.alone() > s.engine.maxUnsent {
		s.abandon(c, closedSlow) // no close frame can reach it: the socket is full
		return false
	}
	return true
}

// queued counts n bytes more, or less, that wait for c, which cost own alone before.
func (s *shard) queued(c *conn, n, own int) {
	s.unsent.Add(int64(n))
	if c.out.own != own {
		s.countRetained(c.out.own - own)
	}
}

// sent takes n bytes out of what waits for c.
func (s *shard) sent(c *conn, n int) {
	own := c.out.own
	c.out.advance(n)
	s.queued(c, -n, own)
}

// arm asks to be told when the socket takes bytes again. nbio has no call for that, but it tells when it has written what
// it kept for us: so it is given one byte of the queue, the sentinel, and nothing else is written until that is gone.
func (s *shard) arm(c *conn) {
	sentinel := c.out.slices[0].b[:1]
	s.sent(c, 1)
	if _, err := c.nc.Write(sentinel); err != nil {
		s.abandon(c, closedGone)
	}
}

// resumeLaggards goes on with those whose sentinel is gone.
func (s *shard) resumeLaggards() {
	kept := s.laggards[:0]
	for _, c := range s.laggards {
		if c.out != nil && c.unset(ready) {
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
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(c, e)
		}
	}()
	c.stalled.Store(uint32(s.engine.clock.tick()))
	for c.out.bytes > 0 {
		n, err := netpoll.Send(c.nc, c.out.head(s.scratch))
		s.round.writes++
		if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
			s.abandon(c, closedGone)
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
	s.engine.metrics.Dropped.Add(float64(c.out.bytes))
	s.emptied(c)
	s.anyReady.Store(true) // so that the list of laggards forgets it
}

// emptied is when nothing waits for c any more.
func (s *shard) emptied(c *conn) {
	s.countRetained(-c.out.own)
	c.out.release()
	c.out = nil
}

// abandon ends c at once.
func (s *shard) abandon(c *conn, reason closeReason) {
	s.partAll(c)
	s.drop(c)
	c.finishing = true
	c.cut(reason)
}

// abandonAfterPanic contains a fault of our own code: it costs the connection at hand, or, where there is none, the job.
func (s *shard) abandonAfterPanic(c *conn, e any) {
	s.engine.metrics.Panics.Inc()
	s.panics.Do(func() {
		s.engine.log.Error("panic on a shard", "error", e, "stack", string(debug.Stack()))
	})
	if c != nil {
		s.abandon(c, closedPanic)
	}
}
