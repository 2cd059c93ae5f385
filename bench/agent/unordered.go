package agent

import (
	"math"
	"slices"
)

// maxRecent is the number of unordered entries in a row after which a member no longer waits for the messages that it has not received:
// they count as lost.
const maxRecent = 32

// logUnordered appends the publisher's next message as an unordered entry and returns its place. Its scheduled time is intended or earlier.
func (r *room) logUnordered(publisher uint32, intended int64) uint64 {
	p := &r.check.publics[publisher]
	pos := r.log.append(entry{publisher: publisher, seq: p.next, intended: intended})
	p.append(pos, r.log.window())
	r.uncertain = true
	r.unordered[pos] = &unorderedEntry{before: math.MaxUint64, intended: intended}
	return pos
}

// receiveUnordered checks the unordered entry at pos, which m has received now for the first time.
func (r *room) receiveUnordered(m *member, s stamp, pos uint64) {
	f, a := r.unordered[pos], m.ensureAnomalies()
	if f.rank == 0 {
		r.ranked++
		f.rank = r.ranked
	}
	if n := len(a.recent); m.next > f.before || n > 0 && f.rank < r.unordered[a.recent[n-1]].rank {
		r.reordered(m, s, pos)
	} else {
		f.after = max(f.after, m.next)
		a.recent, a.at = append(a.recent, pos), m.next
	}
	if pos >= m.next {
		a.early = append(a.early, pos)
	}
}

// settle records that the unordered entries that m received last come before the entry at pos.
func (r *room) settle(m *member, pos uint64) {
	for _, at := range m.recently() {
		f := r.unordered[at]
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
	if m.anomalies != nil {
		m.anomalies.recent = m.anomalies.recent[:0]
	}
}

// skip moves m over unordered entries: m may have received them before.
func (r *room) skip(m *member) {
	r.settleRecent(m)
	for end := r.log.length.Load(); m.next < end; {
		e := r.log.at(m.next)
		if e == nil || !e.unordered() {
			break
		}
		r.pass(m, m.next+1)
	}
	if m.anomalies != nil {
		m.anomalies.at = m.next
	}
}

// settleRecent settles the unordered entries that m received last, if an ordered entry followed that did not need receive.
func (r *room) settleRecent(m *member) {
	if len(m.recently()) > 0 && m.next != m.anomalies.at {
		r.settle(m, m.anomalies.at)
	}
}

// skipLeaving does the same as skip for a member that leaves. An unordered entry that it did not receive was in flight, and is not due.
func (r *room) skipLeaving(m *member) {
	r.settleRecent(m)
	for end := r.log.length.Load(); m.next < end; m.next++ {
		e := r.log.at(m.next)
		if e == nil || !e.unordered() {
			break
		}
		if !m.takeEarly(m.next) && !r.own(m, e) {
			m.ensureAnomalies().excused++
		}
	}
}

// excuseUnordered removes from m's missing places the unordered entries before the first entry it received. A new member may be the first to
// receive that entry: then the log has earlier messages after it.
func (r *room) excuseUnordered(m *member) {
	if m.anomalies == nil || !m.begun {
		return
	}
	for _, g := range slices.Clone(m.anomalies.missing) {
		for pos := g.from; pos < min(g.to, m.first+maxGaps); pos++ {
			if f := r.unordered[pos]; f != nil && f.before <= m.first && f.intended < m.since && m.find(pos) {
				m.anomalies.excused++
			}
		}
	}
}
