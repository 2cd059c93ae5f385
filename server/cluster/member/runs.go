package member

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// The runs of a node: a node that starts again has another ID. If the run before is still alive, two processes have one name.

const (
	// replaceAfter is the silence of a run after which another run of its node replaces it. A run that was killed is silent for about as long when the
	// next one has started. Two processes with one name do not replace each other again and again.
	replaceAfter = 2 * Interval
	// TwinAfter is the time for which two runs must be heard: a message of a run that has ended arrives earlier.
	TwinAfter = time.Second
)

// waiting is a run of a node whose other run is not silent.
type waiting struct {
	name         string
	first        string // ID of the other run
	began, heard time.Duration
}

// Twin is two processes with the name of one node.
type Twin struct {
	Name  string
	First string // ID of the run that is the member
	Other string // ID of a run that is no member
}

// Hear handles a heartbeat. ended is the run that has ended, if the node has another one now, or is leaving. ignored: another run of the node is the member.
func (t *Table) Hear(h Heartbeat, now time.Duration) (ended string, ignored bool) {
	if h.Name == t.self {
		return "", false
	}
	i, found := slices.BinarySearchFunc(t.members, h.Name, func(m *Member, name string) int { return cmp.Compare(m.Name, name) })
	var before *Member
	if found {
		before = t.members[i]
	}
	if t.waits(&h, before, now) {
		return "", true
	}
	if found && before.ID != h.ID {
		ended = before.ID
	}
	t.Claim(h.Owns)
	for log, c := range h.Left {
		t.Leave(log, c, now)
	}
	if h.Leaving || len(h.Left) > 0 && (before == nil || len(before.Left) == 0) {
		t.left = now
	}
	switch {
	case h.Leaving && found:
		t.members = slices.Delete(t.members, i, i+1)
		return h.ID, false
	case h.Leaving:
		return h.ID, false
	case found:
		t.members[i] = &Member{h, now}
	default:
		t.members = slices.Insert(t.members, i, &Member{h, now})
	}
	if t.size == 0 {
		t.members = slices.DeleteFunc(t.members, func(m *Member) bool { return now-m.Heard > forgetAfter })
	}
	return ended, false
}

// waits reports whether a run must wait until the run before it is silent, or has left.
func (t *Table) waits(h *Heartbeat, before *Member, now time.Duration) bool {
	if before == nil || before.ID == h.ID || now-before.Heard >= replaceAfter {
		delete(t.waiting, h.ID)
		return false
	}
	if h.Leaving {
		delete(t.waiting, h.ID)
		return true
	}
	w := t.waiting[h.ID]
	if w == nil || w.first != before.ID {
		w = &waiting{name: h.Name, first: before.ID, began: now}
		t.waiting[h.ID] = w
	}
	w.heard = now
	return true
}

// Twins returns the nodes with two processes that are alive.
func (t *Table) Twins(now time.Duration) (all []Twin) {
	maps.DeleteFunc(t.waiting, func(_ string, w *waiting) bool { return now-w.heard >= SuspectAfter })
	for id, w := range t.waiting {
		for _, m := range t.members {
			if m.ID == w.first && min(m.Heard, w.heard)-w.began >= TwinAfter {
				all = append(all, Twin{w.name, m.ID, id})
			}
		}
	}
	return all
}
