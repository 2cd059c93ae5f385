package fanout

import (
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
)

// How a shard writes. All of it runs on the shard, which alone writes to its connections' sockets: two writers would mix
// their bytes.

const sendsPerYield = 16

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
	n, err := c.Transport.Write(b)
	s.round.writes++
	if err == nil {
		return
	}
	if !errors.Is(err, syscall.EAGAIN) {
		s.abandon(c, ClosedGone)
		return
	}
	c.Out = &Outbox{}
	s.Laggards = append(s.Laggards, c)
	s.sent(c, 0)
	if n == len(b) || s.queue(c, b[n:], t, at+n) {
		s.Shared.Heartbeat.limitStall(c)
	}
}

// queue puts b behind what c has not been sent. A reader that costs too much alone is closed: then queue is false. What is being
// sent does not count: one frame closes nobody, however long it is.
func (s *Shard) queue(c *Conn, b []byte, t *Topic, at int) bool {
	own := c.Out.Own
	switch {
	case t != nil:
		part, of := t.retain(at, at+len(b))
		begins := of.holders == 0
		c.Out.Push(part, of)
		if begins {
			s.press(t.Audience)
		}
	case s.replying != nil:
		c.Out.PushReply(b, s.replying)
	default:
		c.Out.Push(b, nil)
	}
	s.queued(c, len(b), own)
	if c.Out.Alone() > s.Shared.MaxUnsent {
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

// countRetained adds n bytes to what the shard's outboxes cost. Called on the shard.
func (s *Shard) countRetained(n int) {
	s.costs.add(n)
	if n > 0 {
		s.pressAll()
	}
}

// press notes that an audience, or all outboxes, retain more than they may, for the end of the round.
func (s *Shard) press(a *Audience) {
	if a.Retained.Load() > s.Shared.MaxRetainedRoom && !slices.Contains(s.pressed, a) {
		s.pressed = append(s.pressed, a)
	}
	s.pressAll()
}

func (s *Shard) pressAll() {
	if s.Shared.Retained.Load() > s.Shared.MaxRetained {
		s.pressedByAll = true
	}
}

// sent takes n bytes that the transport took out of what waits for c.
func (s *Shard) sent(c *Conn, n int) {
	bytes, own := c.Out.Bytes, c.Out.Own
	c.Out.Advance(n)
	c.Out.setPending(c.Transport.Pending())
	s.queued(c, c.Out.Bytes-bytes, own)
}

// resumeLaggards continues with the connections whose sockets accept bytes again.
func (s *Shard) resumeLaggards() {
	kept := s.Laggards[:0]
	for _, c := range s.Laggards {
		if c.Out != nil && c.unset(writable) {
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
	c.Stalled.Store(uint32(s.Shared.Clock.Tick()))
	for c.Out.Bytes > 0 {
		n, err := c.Transport.Write(c.Out.Head(s.scratch))
		s.round.writes++
		if err != nil && !errors.Is(err, syscall.EAGAIN) {
			s.abandon(c, ClosedGone)
			return
		}
		s.sent(c, n)
		s.yield()
		if err != nil {
			return
		}
	}
	s.emptied(c)
	c.Stalled.Store(0)
	if c.Is(Finishing) {
		s.finish(c)
	}
}

// finish ends our side of TCP behind the close frame.
func (s *Shard) finish(c *Conn) {
	if err := c.Transport.CloseWrite(); err != nil {
		s.Shared.Log.Debug("end of stream not sent", "conn", c.Id, "error", err)
	}
}

// drop forgets what c was not sent, and counts it.
func (s *Shard) drop(c *Conn) {
	if c.Out == nil {
		return
	}
	s.unsent.Add(int64(-c.Out.Bytes))
	s.Shared.Metrics.Dropped.Add(float64(c.Out.Bytes))
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
	c.Set(Finishing)
	c.Cut(reason)
}

// abandonAfterPanic contains a fault of our own code: it costs the connection at hand, or, where there is none, the job.
func (s *Shard) abandonAfterPanic(c *Conn, e any) {
	s.Shared.Metrics.Panics.Inc()
	s.panics.Do(func() {
		s.Shared.Log.Error("panic on a shard", "error", e, "stack", string(debug.Stack()))
	})
	if c != nil {
		s.abandon(c, ClosedPanic)
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

// yield lets the pollers run. A send does not tell the scheduler of itself, so on one core they would starve.
func (s *Shard) yield() {
	if s.sends++; s.sends >= sendsPerYield {
		s.sends = 0
		runtime.Gosched()
	}
}

// flushMember writes to m what it has not got of the batch.
func (t *Topic) flushMember(s *Shard, m *Member) { t.flushMemberTo(s, m, len(t.batch), t.frames) }

// flushMemberTo writes to m what it has not got of the first bytes of the batch, which are so many frames.
func (t *Topic) flushMemberTo(s *Shard, m *Member, bytes, frames int) {
	if int(m.From) == bytes {
		return
	}
	at, b := int(m.From), t.batch[m.From:bytes]
	n := uint64(frames) - uint64(m.fromFrames)
	m.From, m.fromFrames = uint32(bytes), uint32(frames)
	m.Conn.SentMessages += n
	s.round.deliveries += n
	s.writePart(m.Conn, b, t, at)
}
