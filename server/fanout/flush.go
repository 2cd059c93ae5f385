package fanout

import "time"

// Run is the goroutine of the shard. It ends when Quit is closed.
func (s *Shard) Run() {
	for {
		select {
		case <-s.Wakeup:
			s.work()
		case <-s.Quit:
			return
		}
	}
}

// work is one flush: it does all jobs of the inbox, then writes each dirty topic to its members.
func (s *Shard) work() {
	s.Mu.Lock()
	s.jobs, s.Inbox = s.Inbox, s.jobs[:0]
	first := s.first
	s.Mu.Unlock()

	s.deltas, s.compression = DeltaBudget, CompressionBudget
	for i := range s.jobs {
		s.handle(&s.jobs[i])
	}
	for i, t := range s.dirty {
		t.flush(s)
		s.dirty[i] = nil
	}
	s.dirty = s.dirty[:0]
	s.sendBulkReplies()
	if s.anyWritable.Swap(false) {
		s.resumeSlow()
	}
	s.enforceLimits()
	if s.deltas < 0 {
		s.Core.Metrics.DeltaBudgetSpent.Inc()
	}
	AddTo(&s.Deliveries, s.counts.deliveries)
	AddTo(&s.sentBytes, s.counts.bytes)
	AddTo(&s.writes, s.counts.writes)
	s.counts = flushCounters{}
	if len(s.jobs) > 0 {
		s.Core.Metrics.ShardLag.Observe(time.Since(first).Seconds())
	}
	if cap(s.jobs) > keptJobs {
		s.jobs = nil
	}
	clear(s.jobs)
}

// handle does one job. It recovers a panic, which closes the connection of the job.
func (s *Shard) handle(j *Job) {
	defer func() {
		if e := recover(); e != nil {
			s.abortAfterPanic(j.Conn, e)
			if j.Do == addConn && !j.Conn.Is(inLoop) {
				j.Conn.Handler.OnClosed()
			}
		}
	}()
	switch c := j.Conn; j.Do {
	case Deliver:
		if j.Message != nil {
			j.Topic.deliver(s, j.Message)
		} else {
			j.Topic.add(s, j.Frame, len(j.Frame))
		}
	case SendFrame:
		s.send(c, j.Frame)
	case SendPing:
		s.sendPing(c, j.Frame)
	case SendReply:
		s.sendReply(c, j.Reply)
	case SendBulk:
		s.bulk = append(s.bulk, *j)
	case SendClose:
		s.sendClose(c, j.Frame)
	case SendAlert:
		s.sendAlert(c)
	case addConn:
		s.addConn(c, j)
	case removeConn:
		s.removeConn(c)
	case JoinTopic:
		s.joinTopic(j.Member, j.NeedsFull)
	case LeaveTopic:
		s.leaveTopic(j.Member)
	case MoveMember:
		s.moveMember(j.Member, j.Topic)
	case CallBack:
		j.Call()
	}
}

// add appends a frame to the batch that the flush writes. size is what was added to the backlog for it.
func (t *Topic) add(s *Shard, frame []byte, size int) {
	switch t.frames {
	case 0:
		t.batch = frame
		s.dirty = append(s.dirty, t)
	case 1:
		t.batch = append(append(s.buffer(), t.batch...), frame...)
		t.owned = true
	default:
		t.batch = append(t.batch, frame...)
	}
	t.frames++
	t.posted += size
}

// deliver adds a message, in the format of the topic.
func (t *Topic) deliver(s *Shard, d Message) {
	offset := d.Offset()
	if offset > 0 && t.offset > 0 && offset != t.offset+1 {
		t.Gap(s)
	}
	// Counted first: if Frame panics, the message is missing, but flush still subtracts it from the backlog.
	t.posted += d.Size()
	f := t.Format.Encoding()
	frame := d.Frame(f, &s.deltas)
	var alone []byte // the frame for members outside of the context, if it is another
	switch {
	case t.Format.Window().Shares():
		frame, alone = t.inContext(s, d, frame)
	case t.Format != f:
		frame = t.compressed(s, d, frame)
	}
	t.add(s, frame, 0)
	if alone != nil {
		t.sendAlone(s, alone, len(t.batch)-len(frame))
	}
	if offset > 0 {
		t.offset = offset
	}
	if t.needFull > 0 {
		if full := d.Full(f, &s.deltas); full != nil {
			t.sendFull(s, full, len(t.batch)-len(frame))
		}
	}
}

// sendFull sends the full form of the last message of the batch to the members that need it. before is the offset of the message in the
// batch.
func (t *Topic) sendFull(s *Shard, full []byte, before int) {
	for i := 0; i < len(t.list); {
		w := t.list[i]
		if w.needsFull {
			t.needFull--
			w.needsFull = false
			t.flushMemberTo(s, w, before, t.frames-1)
			if w.At >= 0 {
				s.write(w.Conn, full)
				w.Conn.SentMessages++
				s.counts.deliveries++
				w.From, w.fromFrames = uint32(len(t.batch)), uint32(t.frames)
			}
		}
		if i < len(t.list) && t.list[i] == w {
			i++
		}
	}
}

// Gap ends the positioned memberships, because a publication is missing. Those clients receive none of the following publications: they
// resubscribe from their last position and recover.
func (t *Topic) Gap(s *Shard) {
	for i := 0; i < len(t.list); {
		m := t.list[i]
		if !m.Positioned {
			i++
			continue
		}
		t.flushMember(s, m)
		t.leave(m) // the last member takes its index
		m.Conn.Poller().Post(func() { m.Conn.Handler.OnGap(t.Audience) })
	}
}

// flush writes the batch to each member with one write, then clears it. If the audience is under its limit again, paused pollers continue.
func (t *Topic) flush(s *Shard) {
	t.flushing = true
	for i := 0; i < len(t.list); {
		i = t.flushFrom(s, i)
	}
	if t.owned {
		s.recycle(t.batch)
	}
	posted := t.posted
	t.batch, t.frames, t.posted, t.owned, t.flushing, t.kept = nil, 0, 0, false, false, nil
	t.Audience.Backlog.Add(int64(-posted))
	if !t.Audience.OverLimit() && t.Audience.paused.Swap(false) {
		s.Core.Pollers.wakeAll()
	}
}

// flushFrom writes to the members from index i on and returns the next index to write: the number of members, or the index at which a panic
// was recovered, whose connection is closed.
func (t *Topic) flushFrom(s *Shard, i int) (next int) {
	var m *Member
	defer func() {
		if e := recover(); e != nil {
			s.abortAfterPanic(m.Conn, e)
			next = i
		}
	}()
	for i < len(t.list) {
		m = t.list[i]
		t.flushMember(s, m)
		m.From, m.fromFrames = 0, 0
		s.yield()
		// If m was closed as a slow consumer, the last member has its index.
		if i < len(t.list) && t.list[i] == m {
			i++
		}
	}
	return i
}
