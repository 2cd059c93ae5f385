package agent

import "slices"

// member is what the proof knows of one connection. It belongs to whoever reads that connection.
type member struct {
	room       *room
	next       uint64 // place in the room's log of the delivery that is expected
	start      uint64 // place from which on it should hear
	since      int64  // what was meant to leave before that, it need not hear as its first
	first      uint64 // place of the first entry that it received; valid where it has begun
	anomalies  *anomalies
	connection int32
	publisher  int32 // -1 for one that only listens
	begun      bool  // it has received something
	away       bool  // its connection has ended, and what is said meanwhile is to be given to it when it comes back
}

// anomalies is the state of a member that received something out of order. Members without anomalies do not have it.
type anomalies struct {
	missing      []gap    // passed over, below next; ascending
	early        []uint64 // places of unordered entries received, at next or above
	recent       []uint64 // unordered entries received when the next other entry was at: nothing else came since
	at           uint64
	unidentified int // received, but altered beyond recognition
	own          int // messages of its own that it was passed over with, due to it or not
	excused      int // from before it heard anything, and was due to
	lost         int // places below floor that were missing and are no longer remembered one by one
	floor        uint64
	left         int64     // when its connection ended last, of one that comes back
	rejoins      bool      // it was told so, and has received nothing since
	told         []toldGap // absences of which it was told that it missed something; ascending
}

// maxGaps bounds what a server that scrambles everything makes us remember of one member.
const maxGaps = 4096

// begin notes that m has received the entry at pos.
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

// find takes pos out of what is missing, and says whether it was.
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

// gap is a stretch of the log: [from, to).
type gap struct{ from, to uint64 }
