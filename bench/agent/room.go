package agent

import (
	"math"
	"sync"

	"github.com/throng-chat/throng/bench/result"
)

// room proves that each of its members gets every message once, whole, and in one order.
//
// All members hear the same sequence, so it is kept once, in the log. A member is a position in it: its next delivery must
// equal the log's entry there, stamp against stamp, five words. That is all that a good delivery costs, and it finds
// whatever is lost, doubled, out of order or altered. Only what does not compare equal comes here (receive): the first
// sight of each message, which goes into the log, and the faults, which are told apart by where the log has the message.
//
// A member that was first and missed something has left it out of the log. Whoever receives that later finds the log
// already beyond it: such a message is logged as a floating entry, as its place is not known. It is narrowed down by those
// who receive it: behind what they had before, and before what they get next. Who contradicts the others has it out of
// order. A message whose successor of the same publisher has come is logged as floating even before anybody received it,
// so that it is missed if nobody does.
//
// The first to receive a message decides its place. If the first was itself wrong, all others seem to be: at the end the
// smaller party is counted (finish).
//
// Members come and go. One that joins begins at the log's end, and its first delivery says where it stands; one that leaves
// has lost what it was passed over with until then, and nothing of what was on its way. One whose protocol gives back what it
// missed stays a member while it is away, and goes on where it was.
type room struct {
	proof      *proof
	number     int32
	publishers []uint32
	log        roomLog

	mu        sync.Mutex        // guards what follows, and appending to the log
	floats    map[uint64]*float // by place in the log
	floated   uint64            // the rank of the next
	late      map[uint64]int    // place in the log: how many members got it behind its successor
	lateMore  int               // counted when late is full
	faults    result.Faults     // those that are certain at once, and those of members that left
	expected  uint64            // deliveries to the members that left
	digest    uint64            // of the log's order
	uncertain bool              // the log's order is not what everybody heard
	members   int               // of this agent
	epoch     uint32            // how often it was joined when this agent had no member in it
	ended     bool              // proof.expect was told
	whole     bool              // everything that was sent was received by somebody
	gone      map[uint32]bool   // publishers whose last messages may never have been sent
}

// The kinds of a fault.
const (
	faultLost       = "lost"
	faultDuplicated = "duplicated"
	faultReordered  = "reordered"
	faultCorrupt    = "corrupt"
	faultMisrouted  = "misrouted"

	maxLate = 1 << 16
)

func newRoom(p *proof, number int32, rooms int) *room {
	return &room{proof: p, number: number, log: newRoomLog(rooms), floats: map[uint64]*float{}, late: map[uint64]int{}}
}

// float is what is known of a floating entry's place: of the entries that do not float, those below after come before it,
// and those from before on come behind it.
type float struct {
	after, before uint64
	rank          uint64 // in the order in which floating entries were first received; 0 for one that nobody has
}

// maxRecent is how many messages in a row a member may be the first to receive while it seems to be behind, until what it
// is behind of is taken for lost.
const maxRecent = 32

// span is a stretch of the log: [from, to).
type span struct{ from, to uint64 }

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
		m.stray().unidentified++
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

// suspend keeps m's place for a connection that will come back. Called by m's owner.
func (r *room) suspend(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skip(m)
	m.away = true
}

// leave ends m's membership, and counts what it was passed over with; if it was away, until then. Called by m's owner.
func (r *room) leave(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members--
	if !m.away {
		r.skip(m)
	}
	r.faults.Lost += r.lost(m)
	r.expected += r.due(m, m.next)
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
	if s.seq >= p.next {
		r.logFirst(m, s, payload)
		return true
	}
	pos, ok := p.of(s.seq)
	switch {
	case !ok, m.hasEarly(pos), pos < m.next && !m.find(pos):
		// Without a place it is older than the log: it was received, or given up, long ago.
		r.duplicate(m, s)
		return false
	case r.floats[pos] != nil:
		r.receiveFloat(m, s, pos)
	case pos < m.next:
		r.reordered(m, s, pos)
	default:
		r.arrive(m, pos)
	}
	return true
}

// arrive is the receipt of the entry at pos, which does not float and is not behind m.
func (r *room) arrive(m *member, pos uint64) {
	r.pass(m, pos)
	r.settle(m, pos)
	m.next = pos + 1
	m.begun = true
}

// logFirst appends a message that no member has received before. mu is held; m is at an entry that does not float.
func (r *room) logFirst(m *member, s stamp, payload []byte) {
	p := &r.proof.publics[s.publisher]
	atEnd := m.next == r.log.length.Load() || len(m.recently()) >= maxRecent
	for p.next < s.seq {
		r.logFloat(s.publisher, s.intended)
	}
	if !atEnd {
		r.receiveFloat(m, s, r.logFloat(s.publisher, s.intended))
		return
	}
	pos := r.log.append(entry{
		words: loadStamp(payload), intended: s.intended, sent: s.intended + s.lag, publisher: s.publisher, seq: s.seq,
	})
	p.append(pos, r.log.window())
	r.digest = scramble(r.digest ^ uint64(s.publisher)<<32 ^ uint64(s.seq))
	r.arrive(m, pos)
}

// logFloat appends the publisher's next message without saying what it comes behind. It was meant to leave by intended.
func (r *room) logFloat(publisher uint32, intended int64) uint64 {
	p := &r.proof.publics[publisher]
	pos := r.log.append(entry{publisher: publisher, seq: p.next, intended: intended})
	p.append(pos, r.log.window())
	r.uncertain = true
	r.floats[pos] = &float{before: math.MaxUint64}
	return pos
}

// receiveFloat checks the floating entry at pos, which m has received now for the first time.
func (r *room) receiveFloat(m *member, s stamp, pos uint64) {
	f, a := r.floats[pos], m.stray()
	if f.rank == 0 {
		r.floated++
		f.rank = r.floated
	}
	if n := len(a.recent); m.next > f.before || n > 0 && f.rank < r.floats[a.recent[n-1]].rank {
		r.reordered(m, s, pos)
	} else {
		f.after = max(f.after, m.next)
		a.recent, a.at = append(a.recent, pos), m.next
	}
	if pos >= m.next {
		a.early = append(a.early, pos)
	}
}

// settle says of the floating entries that m received last that they come before the entry at pos.
func (r *room) settle(m *member, pos uint64) {
	for _, at := range m.recently() {
		f := r.floats[at]
		if pos < f.after {
			e := r.log.at(at)
			if e == nil {
				e = &entry{}
			}
			r.reordered(m, stamp{publisher: e.publisher, seq: e.seq}, at)
		} else {
			f.before = min(f.before, pos)
		}
	}
	if m.astray != nil {
		m.astray.recent = m.astray.recent[:0]
	}
}

// skip moves m over floating entries: their moment may have been before.
func (r *room) skip(m *member) {
	if len(m.recently()) > 0 && m.next != m.astray.at {
		r.settle(m, m.astray.at) // it was received without coming here
	}
	for end := r.log.length.Load(); m.next < end; {
		e := r.log.at(m.next)
		if e == nil || !e.floating() {
			break
		}
		r.pass(m, m.next+1)
	}
	if m.astray != nil {
		m.astray.at = m.next
	}
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
	if m.begun && !r.proof.noEcho && (m.astray == nil || len(m.astray.early) == 0) {
		m.stray().miss(from, to)
		return
	}
	for pos := from; pos < to; pos++ {
		if !r.excused(m, pos) {
			m.stray().miss(pos, pos+1)
		}
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
		m.stray().excused++
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

// expect is told that all publishers have sent what they will.
func (r *room) expect(gone map[uint32]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone, r.ended = gone, true
}

// heardAll says whether everything that was sent was received by somebody. mu is held.
func (r *room) heardAll() bool {
	if r.whole || !r.ended {
		return r.whole
	}
	for _, i := range r.publishers {
		if p := &r.proof.publics[i]; p.epoch == r.epoch && p.next < r.proof.sent[i].Load() {
			return false
		}
	}
	r.whole = true
	return true
}

// complete says whether m has received all that was sent, once expect was told. Called by m's owner.
func (r *room) complete(m *member) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.heardAll() {
		return false
	}
	end := r.log.length.Load()
	if m.next == end && m.astray == nil {
		return true
	}
	r.skip(m)
	for pos := m.next; pos < end; pos++ {
		if e := r.log.at(pos); !m.hasEarly(pos) && (e == nil || !r.own(m, e)) {
			return false
		}
	}
	return m.astray == nil || len(m.astray.missing) == 0 && m.astray.lost == 0
}

// finish counts what is missing. members are the room's whose connection held until the end. Of the publishers that are
// gone, what nobody received of their last messages is died: it may never have reached the server. Nobody reads any more.
func (r *room) finish(members []*member) (faults result.Faults, expected, died uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range r.publishers {
		p, sent := &r.proof.publics[i], r.proof.sent[i].Load()
		switch {
		case sent == unknown || p.epoch != r.epoch:
		case r.gone[i] && !r.proof.own(int(i)): // its own agent tells
		case r.gone[i]:
			died += uint64(sent - p.next)
		default:
			for p.next < sent {
				r.logFloat(i, math.MaxInt64)
			}
		}
	}
	end := r.log.length.Load()
	faults, expected = r.faults, r.expected
	for _, m := range members {
		r.skip(m)
		r.pass(m, end)
		faults.Lost += r.lost(m)
		expected += r.due(m, end)
	}
	faults.Reordered = r.lateMore
	for _, n := range r.late {
		faults.Reordered += max(1, min(n, len(members)-n))
	}
	return faults, expected, died
}

// lost is how many messages m was passed over with.
func (r *room) lost(m *member) int {
	a := m.astray
	if a == nil {
		return 0
	}
	lost := a.lost
	for _, gap := range a.missing {
		lost += int(gap.to - gap.from)
	}
	lost = max(lost-a.unidentified, 0)
	left := lost
	for _, gap := range a.missing {
		for pos := gap.from; pos < gap.to && left > 0; pos++ {
			left--
			if e := r.log.at(pos); e != nil {
				r.proof.sample(faultLost, m, int(e.publisher), int64(e.seq))
			}
		}
	}
	return lost
}

// due is how many deliveries m should have had until the place end.
func (r *room) due(m *member, end uint64) uint64 {
	due := end - m.start
	if m.astray != nil {
		due -= min(due, uint64(m.astray.excused))
	}
	if r.proof.noEcho && m.publisher >= 0 {
		due -= min(due, uint64(r.proof.sent[m.publisher].Load()))
	}
	return due
}

// order is the digest of the order in which the room was heard, where that is certain.
func (r *room) order() Order {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.uncertain || r.epoch > 0 || r.faults.Any() {
		return Order{}
	}
	return Order{Length: r.log.length.Load(), Digest: r.digest}
}
