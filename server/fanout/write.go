package fanout

import (
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
)

// The write path of a connection. It runs on the shard, the only writer of its connections.

const sendsPerYield = 16 // writes before the shard lets other goroutines run

// write sends a frame of c's own, or queues the part that the transport does not take.
func (s *Shard) write(c *Conn, frame []byte) { s.writePart(c, frame, nil, 0) }

// writePart sends b to c, or queues the part that the transport does not take. b is the batch of t from offset at on, or a frame of c's own
// if t is nil.
func (s *Shard) writePart(c *Conn, b []byte, t *Topic, at int) {
	c.sentBytes += uint64(len(b))
	s.counts.bytes += uint64(len(b))
	if c.Out != nil {
		s.queue(c, b, t, at)
		return
	}
	n, err := c.Transport.Write(b)
	s.counts.writes++
	if err == nil {
		return
	}
	if !errors.Is(err, syscall.EAGAIN) {
		s.abort(c, ClosedAbnormally)
		return
	}
	c.Out = &Outbox{}
	s.SlowConsumers = append(s.SlowConsumers, c)
	s.sent(c, 0)
	if n == len(b) || s.queue(c, b[n:], t, at+n) {
		s.Core.deadlines.limitStall(c)
	}
}

// queue appends b to the outbox of c. It returns false if that exceeds MaxUnsent: then c is closed as a slow consumer. The slice that is
// being sent does not count, so that one long frame closes no connection.
func (s *Shard) queue(c *Conn, b []byte, t *Topic, at int) bool {
	own := c.Out.Own
	switch {
	case t != nil:
		part, of := t.retain(at, at+len(b))
		begins := of.holders == 0
		c.Out.Push(part, of)
		if begins {
			s.checkRetained(t.Audience)
		}
	case s.replying != nil:
		c.Out.PushReply(b, s.replying)
	default:
		c.Out.Push(b, nil)
	}
	s.queued(c, len(b), own)
	if c.Out.ownWaiting() > s.Core.Limits().MaxUnsent {
		s.abort(c, ClosedSlow) // a close frame cannot be sent: the socket is full
		return false
	}
	return true
}

// queued counts n more (or, if negative, fewer) unsent bytes of c. own is Outbox.Own before the change.
func (s *Shard) queued(c *Conn, n, own int) {
	s.unsent.Add(int64(n))
	if c.Out.Own != own {
		s.countRetained(c.Out.Own - own)
	}
}

// countRetained adds n bytes to what the outboxes of the shard retain.
func (s *Shard) countRetained(n int) {
	s.retained.add(n)
	if n > 0 {
		s.checkAllRetained()
	}
}

// checkRetained notes for the end of the flush whether an audience, or all outboxes, exceed their budget.
func (s *Shard) checkRetained(a *Audience) {
	if a.Retained.Load() > s.Core.Limits().MaxRetainedAudience && !slices.Contains(s.overLimit, a) {
		s.overLimit = append(s.overLimit, a)
	}
	s.checkAllRetained()
}

func (s *Shard) checkAllRetained() {
	if s.Core.Retained.Load() > s.Core.Limits().MaxRetained {
		s.allOverLimit = true
	}
}

// sent removes n bytes that the transport took from the outbox, and counts what the transport keeps.
func (s *Shard) sent(c *Conn, n int) {
	bytes, own := c.Out.Bytes, c.Out.Own
	c.Out.Advance(n)
	c.Out.setPending(c.Transport.Pending())
	s.queued(c, c.Out.Bytes-bytes, own)
}

// resumeSlow continues with the slow consumers whose sockets accept bytes again.
func (s *Shard) resumeSlow() {
	kept := s.SlowConsumers[:0]
	for _, c := range s.SlowConsumers {
		if c.Out != nil && c.unset(writable) {
			s.resume(c)
		}
		if c.Out != nil {
			kept = append(kept, c)
		}
	}
	clear(s.SlowConsumers[len(kept):])
	s.SlowConsumers = kept
}

func (s *Shard) resume(c *Conn) {
	defer func() {
		if e := recover(); e != nil {
			s.abortAfterPanic(c, e)
		}
	}()
	c.Stalled.Store(uint32(s.Core.Clock.Tick()))
	for c.Out.Bytes > 0 {
		n, err := c.Transport.Write(c.Out.Head(s.scratch))
		s.counts.writes++
		if err != nil && !errors.Is(err, syscall.EAGAIN) {
			s.abort(c, ClosedAbnormally)
			return
		}
		s.sent(c, n)
		s.yield()
		if err != nil {
			return
		}
	}
	s.freeOutbox(c)
	c.Stalled.Store(0)
	if c.Is(Finishing) {
		s.finish(c)
	}
}

// finish ends our side of the transport after the close frame.
func (s *Shard) finish(c *Conn) {
	if err := c.Transport.CloseWrite(); err != nil {
		s.Core.Log.Debug("end of stream not sent", "conn", c.ID, "error", err)
	}
}

// discardOutbox drops the unsent bytes of c and counts them.
func (s *Shard) discardOutbox(c *Conn) {
	if c.Out == nil {
		return
	}
	s.unsent.Add(int64(-c.Out.Bytes))
	s.Core.Metrics.Dropped.Add(float64(c.Out.Bytes))
	s.freeOutbox(c)
	s.anyWritable.Store(true) // so that resumeSlow removes it from the list
}

// freeOutbox removes the outbox of c and releases the shared bytes that it retains.
func (s *Shard) freeOutbox(c *Conn) {
	s.countRetained(-c.Out.Own)
	c.Out.release()
	c.Out = nil
}

// abort drops the unsent bytes of c and ends it at once.
func (s *Shard) abort(c *Conn, reason Reason) {
	s.leaveTopics(c)
	s.discardOutbox(c)
	c.Set(Finishing)
	c.Abort(reason)
}

// abortAfterPanic logs and counts a recovered panic, and closes the connection that it concerns, nil for none.
func (s *Shard) abortAfterPanic(c *Conn, e any) {
	s.Core.Metrics.Panics.Inc()
	s.panics.Do(func() {
		s.Core.Log.Error("panic on a shard", "error", e, "stack", string(debug.Stack()))
	})
	if c != nil {
		s.abort(c, ClosedPanic)
	}
}

// leaveTopics ends all memberships of c.
func (s *Shard) leaveTopics(c *Conn) {
	for i := 0; ; i++ {
		m := c.Handler.Member(i)
		if m == nil {
			return
		}
		m.Topic.leave(m)
	}
}

// yield lets the pollers run. The scheduler does not notice a raw system call, so that on one core the pollers would starve.
func (s *Shard) yield() {
	if s.sends++; s.sends >= sendsPerYield {
		s.sends = 0
		runtime.Gosched()
	}
}

// flushMember writes the rest of the batch to m.
func (t *Topic) flushMember(s *Shard, m *Member) { t.flushMemberTo(s, m, len(t.batch), t.frames) }

// flushMemberTo writes the batch to m, up to an offset in bytes, before which the batch has that many frames.
func (t *Topic) flushMemberTo(s *Shard, m *Member, bytes, frames int) {
	if int(m.From) == bytes {
		return
	}
	at, b := int(m.From), t.batch[m.From:bytes]
	n := uint64(frames) - uint64(m.fromFrames)
	m.From, m.fromFrames = uint32(bytes), uint32(frames)
	m.Conn.SentMessages += n
	s.counts.deliveries += n
	s.writePart(m.Conn, b, t, at)
}
