package fanout

import "time"

// Run is the shard's goroutine. It ends when quit is closed.
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

// work is one round: it does everything that was posted, then writes.
func (s *Shard) work() {
	s.Mu.Lock()
	s.jobs, s.Inbox = s.Inbox, s.jobs[:0]
	first := s.first
	s.Mu.Unlock()

	s.deltas = DeltaBudget
	for i := range s.jobs {
		s.Handle(&s.jobs[i])
	}
	for i, t := range s.dirty {
		t.flush(s)
		s.dirty[i] = nil
	}
	s.dirty = s.dirty[:0]
	s.SendBulks()
	if s.anyReady.Swap(false) {
		s.resumeLaggards()
	}
	s.relieve()
	if s.deltas < 0 {
		s.Shared.Metrics.DeltasSpent.Inc()
	}
	AddTo(&s.Deliveries, s.round.deliveries)
	AddTo(&s.sentBytes, s.round.bytes)
	AddTo(&s.writes, s.round.writes)
	s.round = tally{}
	if len(s.jobs) > 0 {
		s.Shared.Metrics.ShardLag.Observe(time.Since(first).Seconds())
	}
	if cap(s.jobs) > keptJobs {
		s.jobs = nil
	}
	clear(s.jobs)
}

func (s *Shard) Handle(j *Job) {
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(j.Conn, e)
			if j.Do == joinHub {
				j.Conn.Handler.OnGone() // the loop may not know it, and will not tell
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
	case joinHub:
		s.join(c, j)
	case leaveHub:
		s.leave(c)
	case JoinTopic:
		s.enter(j.Member, j.Whole)
	case LeaveTopic:
		s.exit(j.Member)
	case CallBack:
		j.Call()
	}
}

// add appends a frame to what the next flush writes. size is what was posted for it.
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

// deliver adds a message in the topic's format.
func (t *Topic) deliver(s *Shard, d Message) {
	offset := d.Offset()
	if offset > 0 && t.offset > 0 && offset != t.offset+1 {
		t.Gap(s)
	}
	// Where our own code fails over the frame, that is a gap, but no backlog that stays.
	t.posted += d.Size()
	t.add(s, d.Frame(t.Format, &s.deltas), 0)
	if offset > 0 {
		t.offset = offset
	}
	if t.wholes > 0 {
		if whole := d.Whole(t.Format, &s.deltas); whole != nil {
			t.sendWhole(s, whole, len(t.batch)-len(d.Frame(t.Format, &s.deltas)))
		}
	}
}

// sendWhole writes a message as a whole to those that do not have the one before. In the batch, of which it is the last, it begins at
// before.
func (t *Topic) sendWhole(s *Shard, whole []byte, before int) {
	for i := 0; i < len(t.list); {
		w := t.list[i]
		if w.whole {
			t.wholes--
			w.whole = false
			t.flushMemberTo(s, w, before, t.frames-1)
			if w.At >= 0 {
				s.write(w.Conn, whole)
				w.Conn.SentMessages++
				s.round.deliveries++
				w.From, w.fromFrames = uint32(len(t.batch)), uint32(t.frames)
			}
		}
		if i < len(t.list) && t.list[i] == w {
			i++
		}
	}
}

// Gap ends the subscriptions that must not miss anything: a publication did not come here. They hear nothing of what follows,
// so that their clients come back to where they were, and recover.
func (t *Topic) Gap(s *Shard) {
	for i := 0; i < len(t.list); {
		m := t.list[i]
		if !m.Positioned {
			i++
			continue
		}
		t.flushMember(s, m)
		t.leave(m) // another stands in its place
		m.Conn.Poller().Post(func() { m.Conn.Handler.OnGap(t.Audience) })
	}
}

// flush writes the batch, once a member, and forgets it.
func (t *Topic) flush(s *Shard) {
	t.flushing = true
	for i := 0; i < len(t.list); {
		i = t.flushFrom(s, i)
	}
	if t.owned {
		s.recycle(t.batch)
	}
	posted := t.posted
	t.batch, t.frames, t.posted, t.owned, t.flushing, t.retains = nil, 0, 0, false, false, nil
	t.Audience.Backlog.Add(int64(-posted))
	if !t.Audience.Congested() && t.Audience.paused.Swap(false) {
		s.Shared.Pollers.wakeAll()
	}
}

// flushFrom writes to the members from i on and returns where to go on: behind the end, or behind a member at which our
// own code failed, which costs that one its connection.
func (t *Topic) flushFrom(s *Shard, i int) (next int) {
	var m *Member
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(m.Conn, e)
			next = i
		}
	}()
	for i < len(t.list) {
		m = t.list[i]
		t.flushMember(s, m)
		m.From, m.fromFrames = 0, 0
		s.yield()
		// A member that was too slow has left, and another stands in its place.
		if i < len(t.list) && t.list[i] == m {
			i++
		}
	}
	return i
}
