package agent

import "github.com/throng-chat/throng/bench/result"

// reportGap records that the server reported a gap to m, which has returned at the time at. The owner of m calls it.
func (r *room) reportGap(m *member, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := m.ensureAnomalies()
	g := reportedGap{from: m.next, to: r.log.length.Load(), back: at}
	a.reported, a.rejoins = append(a.reported, g), true
	if r.members == 1 {
		r.epoch++ // no other member received the messages sent meanwhile, as in join
	}
	r.needed.Cover(result.History{Messages: g.to - g.from, Age: max(0, g.back-a.left)})
}

// resumeAt moves m, after a reported gap, to the place of its first delivery since. The caller holds mu.
func (r *room) resumeAt(m *member, s stamp) {
	a, p := m.anomalies, &r.check.publics[s.publisher]
	var to uint64
	if s.seq < p.next {
		pos, ok := p.of(s.seq)
		if !ok || pos < m.next || r.unordered[pos] != nil {
			return // this message does not show m's place
		}
		to = pos
	} else {
		for p.next < s.seq {
			r.logUnordered(s.publisher, s.intended)
		}
		to = r.log.length.Load()
		a.reported[len(a.reported)-1].to = to // no other member has received these yet
	}
	a.rejoins = false
	r.pass(m, to)
	a.at = to
}

// wasReported reports whether the server reported the message at pos as missed by m.
func (r *room) wasReported(m *member, pos uint64) bool {
	for _, g := range m.anomalies.reported {
		if g.has(pos, r.log.at(pos)) {
			return true
		}
	}
	return false
}
