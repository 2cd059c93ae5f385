package agent

import "github.com/throng-chat/throng/bench/result"

// told says that m, which is back at the moment at, was told that it missed something. Called by m's owner.
func (r *room) told(m *member, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := m.ensureAnomalies()
	g := toldGap{from: m.next, to: r.log.length.Load(), back: at}
	a.told, a.rejoins = append(a.told, g), true
	if r.members == 1 {
		r.epoch++ // nobody else knows what was said meanwhile: as in join
	}
	r.needed.Cover(result.History{Messages: g.to - g.from, Age: max(0, g.back-a.left)})
}

// goOn moves m, which was told that it missed something, to where its first delivery since stands. mu is held.
func (r *room) goOn(m *member, s stamp) {
	a, p := m.anomalies, &r.proof.publics[s.publisher]
	var to uint64
	if s.seq < p.next {
		pos, ok := p.of(s.seq)
		if !ok || pos < m.next || r.unordered[pos] != nil {
			return // that does not tell
		}
		to = pos
	} else {
		for p.next < s.seq {
			r.logUnordered(s.publisher, s.intended)
		}
		to = r.log.length.Load()
		a.told[len(a.told)-1].to = to // nobody has had these yet
	}
	a.rejoins = false
	r.pass(m, to)
	a.at = to
}

// wasTold says whether m was told that it missed what is at pos.
func (r *room) wasTold(m *member, pos uint64) bool {
	for _, g := range m.anomalies.told {
		if g.has(pos, r.log.at(pos)) {
			return true
		}
	}
	return false
}
