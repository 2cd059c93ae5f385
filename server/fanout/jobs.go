package fanout

import "github.com/throng-chat/throng/server/unordered"

// The jobs of a shard that concern one connection.

// addConn adds c to the shard and to the event loop. The response to the handshake is the first frame that c is sent. c is a member of its
// topic for every job after this one.
func (s *Shard) addConn(c *Conn, j *Job) {
	c.ConnAt = int32(len(s.Conns))
	s.Conns = append(s.Conns, c)
	if j.Member != nil {
		j.Member.Topic.join(j.Member)
	}
	s.Core.deadlines.File(c)
	if len(j.early) > 0 {
		c.OnData(j.early, s.Core.Clock.Now())
	}
	// From here on the poller reads from it, and the loop calls OnClosed, after an error as well.
	c.Set(inLoop)
	if err := s.Core.Pollers.sockets.Add(c.Transport.Socket(), c); err != nil {
		s.Core.Log.Error("add a connection to the event loop", "error", err)
		s.abort(c, ClosedAbnormally)
		return
	}
	s.write(c, j.Frame)
	c.Handler.OnOpen()
	// A connection that was admitted while the drain began is closed like the others.
	if s.Core.Draining.Load() {
		c.End(ClosedShutdown, "server restarts")
	}
}

// joinTopic makes m a member: it receives every message that was posted after this job. With needsFull it has no earlier message that the
// next one could be a delta of.
func (s *Shard) joinTopic(m *Member, needsFull bool) {
	if m.Conn.Is(Finishing) {
		return
	}
	t := m.Topic
	t.join(m)
	if needsFull {
		m.needsFull = true
		t.needFull++
	}
	m.Conn.Handler.OnJoined(m)
}

// leaveTopic ends a membership, after m was sent the messages that were posted before this job.
func (s *Shard) leaveTopic(m *Member) {
	if m.At >= 0 {
		m.Topic.flushMember(s, m)
		m.Topic.leave(m)
	}
	m.Conn.Handler.OnLeft(m)
}

// moveMember moves m to another topic of its audience, after it was sent the messages that were posted before this job. The other topic has been
// posted those as well. So m misses nothing. It does nothing if m has left.
func (s *Shard) moveMember(m *Member, to *Topic) {
	if m.At >= 0 {
		m.Topic.flushMember(s, m)
	}
	if m.At >= 0 { // it was not closed as a slow consumer
		m.Topic.leave(m)
		m.Topic = to
		to.join(m)
	}
}

// removeConn forgets a connection that is closed.
func (s *Shard) removeConn(c *Conn) {
	s.leaveTopics(c)
	s.discardOutbox(c)
	s.Conns = unordered.Remove(s.Conns, int(c.ConnAt))
	if int(c.ConnAt) < len(s.Conns) {
		s.Conns[c.ConnAt].ConnAt = c.ConnAt
	}
}

// sendAlert sends the alert of the transport, unless bytes wait that have to go first, and ends c.
func (s *Shard) sendAlert(c *Conn) {
	if c.Out == nil {
		s.finish(c)
	}
	s.abort(c, ClosedAbnormally)
}

// send writes a frame to c.
func (s *Shard) send(c *Conn, frame []byte) {
	if !c.Is(Finishing) {
		s.write(c, frame)
		s.yield()
	}
}

// sendPing writes a ping to c. To a slow consumer it is sent ahead of the queued frames, since the client expects a ping in time.
func (s *Shard) sendPing(c *Conn, frame []byte) {
	if c.Out == nil || c.Is(Finishing) {
		s.send(c, frame)
		return
	}
	own := c.Out.Own
	c.Out.pushUrgent(frame)
	c.sentBytes += uint64(len(frame))
	s.counts.bytes += uint64(len(frame))
	s.queued(c, len(frame), own)
}

// sendReply writes a reply to c, after all messages that were posted to its topics before.
func (s *Shard) sendReply(c *Conn, r LateFrame) {
	if c.Is(Finishing) {
		return
	}
	var frame []byte
	frame, s.payload = r.AppendFrame(nil, s.payload, &s.deltas)
	if cap(s.payload) > keptBufferCap {
		s.payload = nil
	}
	s.flushTopics(c)
	s.send(c, frame)
}

// sendClose writes the rest of the batches of c and then the close frame, the last frame of the connection.
func (s *Shard) sendClose(c *Conn, frame []byte) {
	if c.Is(Finishing) {
		return
	}
	s.flushTopics(c)
	s.leaveTopics(c)
	if c.Is(Finishing) {
		return // it was closed as a slow consumer
	}
	c.Set(Finishing)
	s.write(c, frame)
	s.Core.deadlines.limitClose(c)
	if c.Out == nil {
		s.finish(c)
	}
}

// flushTopics writes to c the frames of its topics' batches that it has not been sent.
func (s *Shard) flushTopics(c *Conn) {
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
