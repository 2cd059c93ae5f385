package fanout

import "github.com/throng-chat/throng/server/unordered"

// What others ask of a shard for one connection.

// join is the moment from which c receives its topic: its socket enters the loop, the answer to its handshake is the first
// thing written to it, and every job behind this one finds it a member.
func (s *Shard) join(c *Conn, j *Job) {
	c.ConnAt = int32(len(s.Conns))
	s.Conns = append(s.Conns, c)
	if j.Member != nil {
		j.Member.Topic.join(j.Member)
	}
	s.Shared.Heartbeat.File(c)
	if len(j.early) > 0 {
		c.OnData(j.early, s.Shared.Clock.Now())
	}
	// From here on its poller reads from it, and onClosed will be called once.
	if err := s.Shared.Pollers.sockets.Add(c.Transport.Socket(), c); err != nil {
		s.Shared.Log.Error("connection not taken", "error", err)
		s.abandon(c, ClosedGone)
		c.Handler.OnGone()
		return
	}
	s.write(c, j.Frame)
	c.Handler.OnOpen()
	// Who was let in while the drain began is told like the others.
	if s.Shared.Draining.Load() {
		c.End(ClosedShutdown, "server restarts")
	}
}

// enter is the moment from which a member receives its topic. whole says that it has nothing that the next message could be told as a
// delta of.
func (s *Shard) enter(m *Member, whole bool) {
	if m.Conn.Is(Finishing) {
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

func (s *Shard) leave(c *Conn) {
	s.partAll(c)
	s.drop(c)
	s.Conns = unordered.Remove(s.Conns, int(c.ConnAt))
	if int(c.ConnAt) < len(s.Conns) {
		s.Conns[c.ConnAt].ConnAt = c.ConnAt
	}
}

// send writes a frame to c.
func (s *Shard) send(c *Conn, frame []byte) {
	if !c.Is(Finishing) {
		s.write(c, frame)
		s.yield()
	}
}

// sendPing writes a ping to c, ahead of what waits where c is slow: the client must not take the server for dead.
func (s *Shard) sendPing(c *Conn, frame []byte) {
	if c.Out == nil || c.Is(Finishing) {
		s.send(c, frame)
		return
	}
	own := c.Out.Own
	c.Out.PushUrgent(frame)
	c.sentBytes += uint64(len(frame))
	s.round.bytes += uint64(len(frame))
	s.queued(c, len(frame), own)
}

// sendReply writes a reply to c behind what its topics have received so far.
func (s *Shard) sendReply(c *Conn, r LateFrame) {
	if c.Is(Finishing) {
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

// sendClose writes what c has not got of its room's batch, then the close frame. Nothing follows it.
func (s *Shard) sendClose(c *Conn, frame []byte) {
	if c.Is(Finishing) {
		return
	}
	s.catchUp(c)
	s.partAll(c)
	if c.Is(Finishing) {
		return // it was too slow for that
	}
	c.Set(Finishing)
	s.write(c, frame)
	s.Shared.Heartbeat.limitClose(c)
	if c.Out == nil {
		s.finish(c)
	}
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
