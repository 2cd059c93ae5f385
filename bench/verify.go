package bench

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// verifier proves that every member of the room gets every message once, whole, and in one order.
//
// All members hear the same sequence, so it is kept once, in the log. A member is a position in it: its next delivery must
// equal the log's entry there, stamp against stamp, six words. That is all that a good delivery costs, and it finds
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
type verifier struct {
	log         roomLog
	run         uint32
	size        int
	filler      string
	noEcho      bool
	measureFrom atomic.Int64    // messages meant to leave before that are warm-up
	sent        []atomic.Uint32 // by publisher: how many messages were begun to be sent

	mu         sync.Mutex // guards what follows, and appending to the log
	publishers []places
	floats     map[uint64]*float // by place in the log
	floated    uint64            // the rank of the next
	late       map[uint64]int    // place in the log: how many members got it behind its successor
	lateMore   int               // counted when late is full
	duplicated int
	corrupt    int
	samples    []Fault
}

// Fault is one delivery that was not as it should be.
type Fault struct {
	Kind       string `json:"kind"` // lost, duplicated, reordered or corrupt
	Connection int    `json:"connection"`
	Publisher  int    `json:"publisher"` // -1 where it cannot be told
	Sequence   int64  `json:"sequence"`  // of the publisher, from 0; -1 where it cannot be told
}

const (
	faultLost       = "lost"
	faultDuplicated = "duplicated"
	faultReordered  = "reordered"
	faultCorrupt    = "corrupt"

	maxLate = 1 << 16
)

// Faults are the deliveries that were not as they should be.
type Faults struct {
	Lost       int `json:"lost"`
	Duplicated int `json:"duplicated"`
	Reordered  int `json:"reordered"`
	Corrupt    int `json:"corrupt"`
}

// Any says whether there are any.
func (f Faults) Any() bool { return f != Faults{} }

// member is what the verifier knows of one connection. It belongs to whoever reads that connection.
type member struct {
	next       uint64 // place in the log of the delivery that is expected
	connection int32
	publisher  int32 // -1 for one that only listens
	begun      bool  // it has received something
	astray     *astray
}

// astray is what a member needs once something was not in order.
type astray struct {
	missing      []span   // passed over, below next; ascending
	early        []uint64 // places of floating entries received, at next or above
	recent       []uint64 // floating entries received when the next other entry was at: nothing else came since
	at           uint64
	unidentified int // received, but altered beyond recognition
	excused      int // warm-up from before it heard anything
	lost         int // places below floor that were missing and are no longer remembered one by one
	floor        uint64
}

// maxGaps bounds what a server that scrambles everything makes us remember of one member.
const maxGaps = 4096

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

func newVerifier(run uint32, size, publishers int, noEcho bool) *verifier {
	return &verifier{
		run:        run,
		size:       size,
		filler:     filler(size - StampSize),
		noEcho:     noEcho,
		sent:       make([]atomic.Uint32, publishers),
		publishers: make([]places, publishers),
		floats:     map[uint64]*float{},
		late:       map[uint64]int{},
	}
}

// verdict is what a message turned out to be.
type verdict uint8

const (
	fresh   verdict = iota // one of ours, whole, for the first time
	again                  // one of ours, but it was there before
	altered                // one of ours, but not as it was sent
	foreign                // somebody else's
)

// receive judges a message that is not what the log has at m.next. intended is valid for a fresh one.
func (v *verifier) receive(m *member, payload []byte) (intended int64, is verdict) {
	s, err := parseStamp(payload)
	switch {
	case err == nil && s.run != v.run:
		return 0, foreign
	case err != nil && len(payload) != v.size && (err == errNoStamp || s.run != v.run):
		return 0, foreign
	case err != nil, int(s.publisher) >= len(v.publishers), s.seq >= v.sent[s.publisher].Load():
		v.mu.Lock()
		defer v.mu.Unlock()
		v.corrupted(m, -1, -1)
		m.stray().unidentified++
		return 0, altered
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.place(m, s, payload) {
		return 0, again
	}
	if len(payload) != v.size || string(payload[StampSize:]) != v.filler {
		v.corrupted(m, int(s.publisher), int64(s.seq))
		return 0, altered
	}
	return s.intended, fresh
}

// spoiled counts a message whose stamp is the one expected and whose rest is not.
func (v *verifier) spoiled(m *member, e *entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.corrupted(m, int(e.publisher), int64(e.seq))
}

func (v *verifier) corrupted(m *member, publisher int, seq int64) {
	v.corrupt++
	v.sample(faultCorrupt, m, publisher, seq)
}

// place finds where the message belongs and moves m there. It is false for a duplicate. mu is held.
func (v *verifier) place(m *member, s stamp, payload []byte) bool {
	v.skip(m)
	p := &v.publishers[s.publisher]
	if s.seq >= p.next {
		v.logFirst(m, s, payload)
		return true
	}
	pos, ok := p.of(s.seq)
	switch {
	case !ok, m.hasEarly(pos), pos < m.next && !m.find(pos):
		// Without a place it is older than the log: it was received, or given up, long ago.
		v.duplicate(m, s)
		return false
	case v.floats[pos] != nil:
		v.receiveFloat(m, s, pos)
	case pos < m.next:
		v.reordered(m, s, pos)
	default:
		v.arrive(m, pos)
	}
	return true
}

// arrive is the receipt of the entry at pos, which does not float and is not behind m.
func (v *verifier) arrive(m *member, pos uint64) {
	v.pass(m, pos)
	v.settle(m, pos)
	m.next = pos + 1
	m.begun = true
}

// logFirst appends a message that no member has received before. mu is held; m is at an entry that does not float.
func (v *verifier) logFirst(m *member, s stamp, payload []byte) {
	p := &v.publishers[s.publisher]
	atEnd := m.next == v.log.length.Load() || len(m.recently()) >= maxRecent
	for p.next < s.seq {
		v.logFloat(s.publisher)
	}
	if !atEnd {
		v.receiveFloat(m, s, v.logFloat(s.publisher))
		return
	}
	pos := v.log.append(entry{words: loadStamp(payload), intended: s.intended, publisher: s.publisher, seq: s.seq})
	p.append(pos)
	v.arrive(m, pos)
}

// logFloat appends the publisher's next message without saying what it comes behind.
func (v *verifier) logFloat(publisher uint32) uint64 {
	p := &v.publishers[publisher]
	pos := v.log.append(entry{publisher: publisher, seq: p.next})
	p.append(pos)
	v.floats[pos] = &float{before: math.MaxUint64}
	return pos
}

// receiveFloat checks the floating entry at pos, which m has received now for the first time.
func (v *verifier) receiveFloat(m *member, s stamp, pos uint64) {
	f, a := v.floats[pos], m.stray()
	if f.rank == 0 {
		v.floated++
		f.rank = v.floated
	}
	if n := len(a.recent); m.next > f.before || n > 0 && f.rank < v.floats[a.recent[n-1]].rank {
		v.reordered(m, s, pos)
	} else {
		f.after = max(f.after, m.next)
		a.recent, a.at = append(a.recent, pos), m.next
	}
	if pos >= m.next {
		a.early = append(a.early, pos)
	}
}

// settle says of the floating entries that m received last that they come before the entry at pos.
func (v *verifier) settle(m *member, pos uint64) {
	for _, at := range m.recently() {
		f := v.floats[at]
		if pos < f.after {
			e := v.log.at(at)
			if e == nil {
				e = &entry{}
			}
			v.reordered(m, stamp{publisher: e.publisher, seq: e.seq}, at)
		} else {
			f.before = min(f.before, pos)
		}
	}
	if m.astray != nil {
		m.astray.recent = m.astray.recent[:0]
	}
}

// skip moves m over floating entries: their moment may have been before.
func (v *verifier) skip(m *member) {
	if len(m.recently()) > 0 && m.next != m.astray.at {
		v.settle(m, m.astray.at) // it was received without coming here
	}
	for end := v.log.length.Load(); m.next < end; {
		e := v.log.at(m.next)
		if e == nil || !e.floating() {
			break
		}
		v.pass(m, m.next+1)
	}
	if m.astray != nil {
		m.astray.at = m.next
	}
}

// own says whether m sent e, and is not to receive it.
func (v *verifier) own(m *member, e *entry) bool {
	return v.noEcho && int32(e.publisher) == m.publisher
}

// pass moves m up to the place to, and notes what it did not get on the way. mu is held.
func (v *verifier) pass(m *member, to uint64) {
	from := m.next
	m.next = to
	if from == to {
		return
	}
	if m.begun && !v.noEcho && (m.astray == nil || len(m.astray.early) == 0) {
		m.stray().miss(from, to)
		return
	}
	for pos := from; pos < to; pos++ {
		if !v.excused(m, pos) {
			m.stray().miss(pos, pos+1)
		}
	}
}

// excused says whether m need not receive what is at pos: it has, or it sent it itself, or it had not yet joined.
func (v *verifier) excused(m *member, pos uint64) bool {
	if m.takeEarly(pos) {
		return true
	}
	e := v.log.at(pos)
	switch {
	case e == nil:
		return false
	case v.own(m, e):
		return true
	case !m.begun && !e.floating() && e.intended < v.measureFrom.Load():
		// Some servers answer the handshake before they let a client hear. The warm-up is for that.
		m.stray().excused++
		return true
	}
	return false
}

func (v *verifier) duplicate(m *member, s stamp) {
	v.duplicated++
	v.sample(faultDuplicated, m, int(s.publisher), int64(s.seq))
}

func (v *verifier) reordered(m *member, s stamp, pos uint64) {
	if n, ok := v.late[pos]; ok || len(v.late) < maxLate {
		v.late[pos] = n + 1
	} else {
		v.lateMore++
	}
	v.sample(faultReordered, m, int(s.publisher), int64(s.seq))
}

func (v *verifier) sample(kind string, m *member, publisher int, seq int64) {
	if len(v.samples) < maxSamples {
		v.samples = append(v.samples, Fault{Kind: kind, Connection: int(m.connection), Publisher: publisher, Sequence: seq})
	}
}

// complete says whether m has received all that was sent. Called by m's owner.
func (v *verifier) complete(m *member) bool {
	var sent uint64
	for i := range v.sent {
		sent += uint64(v.sent[i].Load())
	}
	if v.log.length.Load() < sent {
		return false
	}
	if m.next == sent && m.astray == nil {
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.skip(m)
	for pos := m.next; pos < sent; pos++ {
		if e := v.log.at(pos); !m.hasEarly(pos) && (e == nil || !v.own(m, e)) {
			return false
		}
	}
	return m.astray == nil || len(m.astray.missing) == 0 && m.astray.lost == 0
}

// finish counts what is missing once nothing more is waited for. expected is how many deliveries there should have been to
// the members given: those whose connection held until the end. Of the publishers that are gone, what nobody received of
// their last messages is died: it may never have reached the server. Nobody reads any more.
func (v *verifier) finish(members []*member, gone map[int]bool) (faults Faults, expected, died uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.publishers {
		if gone[i] {
			died += uint64(v.sent[i].Load() - v.publishers[i].next)
			continue
		}
		for p := &v.publishers[i]; p.next < v.sent[i].Load(); {
			v.logFloat(uint32(i))
		}
	}
	end := v.log.length.Load()
	for _, m := range members {
		due := end
		v.skip(m)
		v.pass(m, end)
		if m.astray != nil {
			lost := m.astray.lost
			for _, gap := range m.astray.missing {
				lost += int(gap.to - gap.from)
			}
			lost = max(lost-m.astray.unidentified, 0)
			faults.Lost += lost
			v.sampleLost(m, lost)
			due -= uint64(m.astray.excused)
		}
		if v.noEcho && m.publisher >= 0 {
			due -= uint64(v.sent[m.publisher].Load())
		}
		expected += due
	}
	faults.Duplicated, faults.Corrupt = v.duplicated, v.corrupt
	faults.Reordered = v.lateMore
	for _, n := range v.late {
		faults.Reordered += max(1, min(n, len(members)-n))
	}
	return faults, expected, died
}

func (v *verifier) sampleLost(m *member, most int) {
	for _, gap := range m.astray.missing {
		for pos := gap.from; pos < gap.to && most > 0 && len(v.samples) < maxSamples; pos++ {
			most--
			if e := v.log.at(pos); e != nil {
				v.sample(faultLost, m, int(e.publisher), int64(e.seq))
			}
		}
	}
}

func (m *member) stray() *astray {
	if m.astray == nil {
		m.astray = &astray{}
	}
	return m.astray
}

func (m *member) recently() []uint64 {
	if m.astray == nil {
		return nil
	}
	return m.astray.recent
}

func (m *member) hasEarly(pos uint64) bool {
	return m.astray != nil && slices.Contains(m.astray.early, pos)
}

func (m *member) takeEarly(pos uint64) bool {
	if m.astray == nil {
		return false
	}
	i := slices.Index(m.astray.early, pos)
	if i < 0 {
		return false
	}
	m.astray.early = slices.Delete(m.astray.early, i, i+1)
	return true
}

// find takes pos out of what is missing, and says whether it was.
func (m *member) find(pos uint64) bool {
	a := m.astray
	if a == nil {
		return false
	}
	if pos < a.floor && a.lost > 0 {
		a.lost--
		return true
	}
	i, _ := slices.BinarySearchFunc(a.missing, pos, func(s span, pos uint64) int {
		switch {
		case s.to <= pos:
			return -1
		case s.from > pos:
			return 1
		default:
			return 0
		}
	})
	if i == len(a.missing) || a.missing[i].from > pos {
		return false
	}
	switch s := &a.missing[i]; {
	case s.from+1 == s.to:
		a.missing = slices.Delete(a.missing, i, i+1)
	case s.from == pos:
		s.from++
	case s.to == pos+1:
		s.to--
	default:
		rest := span{pos + 1, s.to}
		s.to = pos
		a.missing = slices.Insert(a.missing, i+1, rest)
	}
	return true
}

func (a *astray) miss(from, to uint64) {
	if n := len(a.missing); n > 0 && a.missing[n-1].to == from {
		a.missing[n-1].to = to
		return
	}
	a.missing = append(a.missing, span{from, to})
	if len(a.missing) > maxGaps {
		old := a.missing[:maxGaps/2]
		for _, s := range old {
			a.lost += int(s.to - s.from)
		}
		a.floor = old[len(old)-1].to
		a.missing = slices.Delete(a.missing, 0, len(old))
	}
}
