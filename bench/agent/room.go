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

// verdict is what a message turned out to be.
type verdict uint8

const (
	fresh   verdict = iota // one of ours, whole, for the first time
	again                  // one of ours, but it was there before
	altered                // one of ours, but not as it was sent
	foreign                // somebody else's
)

// receive judges a message that is not what the log has at m.next. The stamp is valid for a fresh one.
func (r *room) receive(m *member, payload []byte) (s stamp, is verdict) {
	p := r.proof
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
	case len(payload) != p.size || string(payload[StampSize:]) != p.filler:
		r.corrupted(m, int(s.publisher), int64(s.seq))
		return s, altered
	}
	return s, fresh
}

// spoiled counts a message whose stamp is the one expected and whose rest is not.
func (r *room) spoiled(m *member, e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.corrupted(m, int(e.publisher), int64(e.seq))
}

func (r *room) corrupted(m *member, publisher int, seq int64) {
	r.faults.Corrupt++
	r.proof.sample(faultCorrupt, m, publisher, seq)
}

// join makes m, which begins now, a member. Nobody reads it yet.
func (r *room) join(m *member, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.room = r
	m.next = r.log.length.Load()
	m.start, m.since = m.next, at+grace
	if r.members == 0 && m.next > 0 {
		// What was said while nobody of ours listened is nobody's to hear: each publisher is taken up again where it is.
		r.epoch++
	}
	r.members++
}

// suspend keeps m's place for a connection that will come back; this one ends at the moment at. Called by m's owner.
func (r *room) suspend(m *member, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skip(m)
	m.away = true
	m.ensureAnomalies().left = at
}

// leave ends m's membership, and counts what it was passed over with; if it was away, until then. Called by m's owner.
func (r *room) leave(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members--
	if !m.away {
		r.skipLeaving(m)
	}
	r.forgive(m)
	due := r.due(m, m.next)
	lost, missed := r.lost(m, due)
	r.faults.Lost += lost
	r.missed += missed
	r.expected += due
	r.ownLost += m.ownLost()
}

// place finds where the message belongs and moves m there. It is false for a duplicate. mu is held.
func (r *room) place(m *member, s stamp, payload []byte) bool {
	p := &r.proof.publics[s.publisher]
	if p.epoch != r.epoch {
		p.restart(s.seq, r.epoch)
	}
	if !m.begun && s.seq < p.next {
		if pos, ok := p.of(s.seq); ok && pos < m.start {
			m.next, m.start = pos, pos // it joined between this message and others' receipt of it
		}
	}
	r.skip(m)
	if m.anomalies != nil && m.anomalies.rejoins {
		r.goOn(m, s)
	}
	if s.seq >= p.next {
		r.logFirst(m, s, payload)
		return true
	}
	pos, ok := p.of(s.seq)
	if !ok || m.hasEarly(pos) || pos < m.next && !m.find(pos) {
		// Without a place it is older than the log: it was received, or given up, long ago.
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

// arrive is the receipt of the entry at pos, which is ordered and not behind m.
func (r *room) arrive(m *member, pos uint64) {
	r.pass(m, pos)
	r.settle(m, pos)
	m.next = pos + 1
	m.begin(pos)
}

// logFirst appends a message that no member has received before. mu is held; m is at an ordered entry.
func (r *room) logFirst(m *member, s stamp, payload []byte) {
	p := &r.proof.publics[s.publisher]
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

// own says whether m sent e, and is not to receive it.
func (r *room) own(m *member, e *entry) bool {
	return r.proof.noEcho && int32(e.publisher) == m.publisher
}

// pass moves m up to the place to, and notes what it did not get on the way. mu is held.
func (r *room) pass(m *member, to uint64) {
	from := m.next
	m.next = to
	if from == to {
		return
	}
	if m.begun && !r.proof.noEcho && (m.anomalies == nil || len(m.anomalies.early) == 0) {
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

// missOwn counts what m missed at pos, where that is its own. Without an echo it would not be missed.
func (r *room) missOwn(m *member, pos uint64) {
	if e := r.log.at(pos); e != nil && int32(e.publisher) == m.publisher {
		m.anomalies.own++
	}
}

// excused says whether m need not receive what is at pos: it has, or it sent it itself, or it had not yet joined.
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
	r.proof.sample(faultDuplicated, m, int(s.publisher), int64(s.seq))
}

func (r *room) reordered(m *member, s stamp, pos uint64) {
	if n, ok := r.late[pos]; ok || len(r.late) < maxLate {
		r.late[pos] = n + 1
	} else {
		r.lateMore++
	}
	r.proof.sample(faultReordered, m, int(s.publisher), int64(s.seq))
}
