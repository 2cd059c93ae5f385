package agent

// The kinds of a fault.
const (
	faultLost       = "lost"
	faultDuplicated = "duplicated"
	faultReordered  = "reordered"
	faultCorrupt    = "corrupt"
	faultMisrouted  = "misrouted"

	maxLate = 1 << 16
)

// verdict is the result of the check of one message.
type verdict uint8

const (
	fresh   verdict = iota // one of ours, unaltered, for the first time
	again                  // one of ours, but received before
	altered                // one of ours, but altered
	foreign                // not a message of this run
)

// receive checks a message that differs from the log's entry at m.next. The returned stamp is valid only if the verdict is fresh.
func (r *room) receive(m *member, payload []byte) (s stamp, is verdict) {
	p := r.check
	s, err := parseStamp(payload)
	switch {
	case err == nil && s.run != p.run:
		return s, foreign
	case err != nil && len(payload) != p.size && (err == errNoStamp || s.run != p.run):
		return s, foreign
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil, int(s.publisher) >= len(p.publics), s.seq >= p.sent[s.publisher].Load():
		r.corrupted(m, -1, -1)
		m.ensureAnomalies().unidentified++
		return s, altered
	case p.roomOf[s.publisher] != r.number:
		r.faults.Misrouted++
		p.sample(faultMisrouted, m, int(s.publisher), int64(s.seq))
		return s, altered
	case !r.place(m, s, payload):
		return s, again
	case len(payload) != p.size || string(payload[StampSize:]) != p.filler.of(s.publisher, s.seq):
		r.corrupted(m, int(s.publisher), int64(s.seq))
		return s, altered
	}
	return s, fresh
}

// spoiled counts a message with the expected stamp and altered bytes after it.
func (r *room) spoiled(m *member, e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.corrupted(m, int(e.publisher), int64(e.seq))
}

func (r *room) corrupted(m *member, publisher int, seq int64) {
	r.faults.Corrupt++
	r.check.sample(faultCorrupt, m, publisher, seq)
}

// join adds m, which begins now, to the room. No poller reads its connection yet.
func (r *room) join(m *member, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.room = r
	m.next = r.log.length.Load()
	m.start, m.since = m.next, at+grace
	if r.members == 0 && m.next > 0 {
		// This agent had no member in the room, so earlier messages are not due. Each publisher continues at its current number.
		r.epoch++
	}
	r.members++
}

// suspend keeps m's place for the next connection of its client. The current connection ends at the time at. The owner of m calls it.
func (r *room) suspend(m *member, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skip(m)
	m.away = true
	m.ensureAnomalies().left = at
}

// leave ends m's membership and counts the messages that it missed. The owner of m calls it.
func (r *room) leave(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members--
	if !m.away {
		r.skipLeaving(m)
	}
	r.excuseUnordered(m)
	due := r.due(m, m.next)
	lost, missed := r.lost(m, due)
	r.faults.Lost += lost
	r.missed += missed
	r.expected += due
	r.ownLost += m.ownLost()
}

// place finds the place of a message in the log and moves m there. It returns false for a duplicate. The caller holds mu.
func (r *room) place(m *member, s stamp, payload []byte) bool {
	p := &r.check.publics[s.publisher]
	if p.epoch != r.epoch {
		p.restart(s.seq, r.epoch)
	}
	if !m.begun && s.seq < p.next {
		if pos, ok := p.of(s.seq); ok && pos < m.start {
			m.next, m.start = pos, pos // it joined after other members received this message, and before its own delivery
		}
	}
	r.skip(m)
	if m.anomalies != nil && m.anomalies.rejoins {
		r.resumeAt(m, s)
	}
	if s.seq >= p.next {
		r.logFirst(m, s, payload)
		return true
	}
	pos, ok := p.of(s.seq)
	if !ok || m.hasEarly(pos) || pos < m.next && !m.find(pos) {
		// Without a place the message is older than the log: it was received, or counted as missed, long ago.
		r.duplicate(m, s)
		return false
	}
	if pos < m.next && int32(s.publisher) == m.publisher {
		m.anomalies.own--
	}
	switch {
	case r.unordered[pos] != nil:
		r.receiveUnordered(m, s, pos)
	case pos < m.next:
		r.reordered(m, s, pos)
	default:
		r.arrive(m, pos)
	}
	return true
}

// arrive records that m received the ordered entry at pos, which is not behind m.
func (r *room) arrive(m *member, pos uint64) {
	r.pass(m, pos)
	r.settle(m, pos)
	m.next = pos + 1
	m.begin(pos)
}

// logFirst appends a message that no member has received before. m is at an ordered entry. The caller holds mu.
func (r *room) logFirst(m *member, s stamp, payload []byte) {
	p := &r.check.publics[s.publisher]
	atEnd := m.next == r.log.length.Load() || len(m.recently()) >= maxRecent
	for p.next < s.seq {
		r.logUnordered(s.publisher, s.intended)
	}
	if !atEnd {
		r.receiveUnordered(m, s, r.logUnordered(s.publisher, s.intended))
		return
	}
	pos := r.log.append(entry{
		words: loadStamp(payload), intended: s.intended, sent: s.intended + s.lag, publisher: s.publisher, seq: s.seq,
	})
	p.append(pos, r.log.window())
	r.digest = scramble(r.digest ^ uint64(s.publisher)<<32 ^ uint64(s.seq))
	r.arrive(m, pos)
}

// own reports whether m sent e and the server does not return it (--no-echo).
func (r *room) own(m *member, e *entry) bool {
	return r.check.noEcho && int32(e.publisher) == m.publisher
}

// pass moves m up to the place to, and records what m missed on the way. The caller holds mu.
func (r *room) pass(m *member, to uint64) {
	from := m.next
	m.next = to
	if from == to {
		return
	}
	if m.begun && !r.check.noEcho && (m.anomalies == nil || len(m.anomalies.early) == 0) {
		m.ensureAnomalies().miss(from, to)
		for pos := from; pos < to && m.publisher >= 0; pos++ {
			r.missOwn(m, pos)
		}
		return
	}
	for pos := from; pos < to; pos++ {
		if !r.excused(m, pos) {
			m.ensureAnomalies().miss(pos, pos+1)
			r.missOwn(m, pos)
		}
	}
}

// missOwn counts the message that m missed at pos, if it is m's own.
func (r *room) missOwn(m *member, pos uint64) {
	if e := r.log.at(pos); e != nil && int32(e.publisher) == m.publisher {
		m.anomalies.own++
	}
}

// excused reports whether the message at pos is not due to m: m received it early, sent it itself without an echo, or had not yet joined.
func (r *room) excused(m *member, pos uint64) bool {
	if m.takeEarly(pos) {
		return true
	}
	e := r.log.at(pos)
	switch {
	case e == nil:
		return false
	case r.own(m, e):
		return true
	case !m.begun && e.intended < m.since:
		m.ensureAnomalies().excused++
		r.missOwn(m, pos)
		return true
	}
	return false
}

func (r *room) duplicate(m *member, s stamp) {
	r.faults.Duplicated++
	r.check.sample(faultDuplicated, m, int(s.publisher), int64(s.seq))
}

func (r *room) reordered(m *member, s stamp, pos uint64) {
	if n, ok := r.late[pos]; ok || len(r.late) < maxLate {
		r.late[pos] = n + 1
	} else {
		r.lateMore++
	}
	r.check.sample(faultReordered, m, int(s.publisher), int64(s.seq))
}
