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
	case r.waits(m, s):
		m.ensureAnomalies().held = append(m.anomalies.held, loadStamp(payload))
	case !r.place(m, s, loadStamp(payload)):
		return s, again
	}
	if len(payload) != p.size || string(payload[StampSize:]) != p.filler.of(s.publisher, s.seq) {
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
	if m.next == 0 {
		r.anchor(m)
	}
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
	r.placeHeld(m)
	r.release(m)
	r.skip(m)
	m.away = true
	m.ensureAnomalies().left = at
}

// leave ends m's membership and counts the messages that it missed. The owner of m calls it.
func (r *room) leave(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.placeHeld(m)
	r.release(m)
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

// A member that joins in the middle of a run: the client reads its connections in any order, so it may read the first messages of the new member
// before the members that have been there receive them, or the messages before those. Their place in the log is then unknown: they are held until
// the other members have received one of them.

// maxHeld limits the messages that a new member holds. More than that are placed as if no other member had received them.
const maxHeld = 1024

// anchor records that m is at a known place of the log. The caller holds mu.
func (r *room) anchor(m *member) {
	if !m.anchored {
		m.anchored = true
		r.anchors++
	}
}

// release records that m receives no more. The caller holds mu.
func (r *room) release(m *member) {
	if m.anchored {
		m.anchored = false
		r.anchors--
	}
}

// waits reports whether m must hold a message, because neither that message nor the first one that m holds has a place yet. If one of them has,
// it places all that m holds. The caller holds mu.
func (r *room) waits(m *member, s stamp) bool {
	if m.begun || m.start == 0 {
		return false
	}
	n := m.heldMessages()
	first := s
	if n > 0 {
		first = m.anomalies.held[0].stamp()
	}
	if r.anchors == 0 || n >= maxHeld || r.placed(first) || r.placed(s) {
		r.placeHeld(m)
		return false
	}
	return true
}

// placed reports whether a message has a place in the log that is certain.
func (r *room) placed(s stamp) bool {
	p := &r.check.publics[s.publisher]
	if p.epoch != r.epoch || s.seq >= p.next {
		return false
	}
	pos, ok := p.of(s.seq)
	return !ok || r.unordered[pos] == nil
}

// placeHeld places the messages that m holds, in the order in which it received them. The caller holds mu.
func (r *room) placeHeld(m *member) {
	if m.heldMessages() == 0 {
		return
	}
	held := m.anomalies.held
	m.anomalies.held = nil
	for _, words := range held {
		r.place(m, words.stamp(), words)
	}
}

func (m *member) heldMessages() int {
	if m.anomalies == nil {
		return 0
	}
	return len(m.anomalies.held)
}

// place finds the place of a message, with the stamp words, in the log and moves m there. It returns false for a duplicate. The caller holds mu.
func (r *room) place(m *member, s stamp, words stampWords) bool {
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
		r.logFirst(m, s, words)
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
	r.anchor(m)
}

// logFirst appends a message that no member has received before. m is at an ordered entry. The caller holds mu.
func (r *room) logFirst(m *member, s stamp, words stampWords) {
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
		words: words, intended: s.intended, sent: s.intended + s.lag, publisher: s.publisher, seq: s.seq,
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
