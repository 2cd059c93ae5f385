package agent

import "slices"

// maxGaps limits the gaps that are kept for one member, for servers that shuffle all messages.
const maxGaps = 4096

// begin records that m has received the entry at pos, if it is the first.
func (m *member) begin(pos uint64) {
	if !m.begun {
		m.begun, m.first = true, pos
	}
}

func (m *member) ensureAnomalies() *anomalies {
	if m.anomalies == nil {
		m.anomalies = &anomalies{}
	}
	return m.anomalies
}

func (m *member) recently() []uint64 {
	if m.anomalies == nil {
		return nil
	}
	return m.anomalies.recent
}

func (m *member) hasEarly(pos uint64) bool {
	return m.anomalies != nil && slices.Contains(m.anomalies.early, pos)
}

func (m *member) takeEarly(pos uint64) bool {
	if m.anomalies == nil {
		return false
	}
	i := slices.Index(m.anomalies.early, pos)
	if i < 0 {
		return false
	}
	m.anomalies.early = slices.Delete(m.anomalies.early, i, i+1)
	return true
}

// find removes pos from the missing places, and reports whether it was missing.
func (m *member) find(pos uint64) bool {
	a := m.anomalies
	if a == nil {
		return false
	}
	if pos < a.floor && a.lost > 0 {
		a.lost--
		return true
	}
	i, _ := slices.BinarySearchFunc(a.missing, pos, func(g gap, pos uint64) int {
		switch {
		case g.to <= pos:
			return -1
		case g.from > pos:
			return 1
		default:
			return 0
		}
	})
	if i == len(a.missing) || a.missing[i].from > pos {
		return false
	}
	switch g := &a.missing[i]; {
	case g.from+1 == g.to:
		a.missing = slices.Delete(a.missing, i, i+1)
	case g.from == pos:
		g.from++
	case g.to == pos+1:
		g.to--
	default:
		rest := gap{from: pos + 1, to: g.to}
		g.to = pos
		a.missing = slices.Insert(a.missing, i+1, rest)
	}
	return true
}

func (a *anomalies) miss(from, to uint64) {
	if n := len(a.missing); n > 0 && a.missing[n-1].to == from {
		a.missing[n-1].to = to
		return
	}
	a.missing = append(a.missing, gap{from: from, to: to})
	if len(a.missing) > maxGaps {
		old := a.missing[:maxGaps/2]
		for _, g := range old {
			a.lost += int(g.to - g.from)
		}
		a.floor = old[len(old)-1].to
		a.missing = slices.Delete(a.missing, 0, len(old))
	}
}
