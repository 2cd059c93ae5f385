package agent

import "github.com/throng-chat/throng/bench/result"

// toldGap is an absence of which a client was told that not all that was said meanwhile is left: what is missing of it is no loss that
// the server kept to itself.
type toldGap struct {
	from, to uint64 // places in the room's log: where the client was, and the log's end when it was told
	back     int64  // when it was told
}

// has says whether the message at pos is one that the client was told it had missed. Of what others received only after it was told, e
// says when it was meant to leave; nil where the log no longer reaches back to it.
func (g toldGap) has(pos uint64, e *entry) bool {
	return pos >= g.from && (pos < g.to || e != nil && e.intended < g.back)
}

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
