package agent

import "github.com/throng-chat/throng/bench/result"

// told records that the server reported a gap to m, which has returned at the time at. The owner of m calls it.
func (r *room) told(m *member, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := m.ensureAnomalies()
	g := toldGap{from: m.next, to: r.log.length.Load(), back: at}
	a.told, a.rejoins = append(a.told, g), true
	if r.members == 1 {
		r.epoch++ // no other member received the messages sent meanwhile, as in join
	}
	r.needed.Cover(result.History{Messages: g.to - g.from, Age: max(0, g.back-a.left)})
}

// goOn moves m, after a reported gap, to the place of its first delivery since. The caller holds mu.
func (r *room) goOn(m *member, s stamp) {
	a, p := m.anomalies, &r.proof.publics[s.publisher]
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
		a.told[len(a.told)-1].to = to // no other member has received these yet
	}
	a.rejoins = false
	r.pass(m, to)
	a.at = to
}

// wasTold reports whether the server reported the message at pos as missed by m.
func (r *room) wasTold(m *member, pos uint64) bool {
	for _, g := range m.anomalies.told {
		if g.has(pos, r.log.at(pos)) {
			return true
		}
	}
	return false
}
