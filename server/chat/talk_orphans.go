package chat

import "github.com/throng-chat/throng/server/timeline"

// orphans are changes that a replay found before the message that they change: the record of the message is removed, and its snapshot is behind
// them in the log, if there is one. All edits are among them: the message may be evicted before its deletion is found. They end with the
// replay. Guarded by Stripe.Mu.
type orphans struct {
	of    map[string][]orphan // by the name of the message, in the order of the log
	order []string            // the names of all, in the order of the log
	all   bool                // the replay created the room, so it found all of them
}

// orphan is one change.
type orphan struct {
	pub   Publication
	entry *timeline.Entry
	in    valueAt // its record
}

// maxOrphans is the number of changes without their message that a replay keeps for one room, beyond those in the history: many more than can
// be in the log between the making of a snapshot and its record.
const maxOrphans = 1 << 14

// add adds a change. It returns the offsets of publications whose content must go, because the change is a deletion.
func (or *orphans) add(o orphan, most int) (redact []uint64) {
	name := o.entry.ID
	if o.entry.Kind == timeline.Delete {
		for _, before := range or.of[name] {
			if before.entry.Kind == timeline.Edit {
				redact = append(redact, before.pub.Offset)
			}
		}
	}
	if or.of == nil {
		or.of = map[string][]orphan{}
	}
	or.of[name] = append(or.of[name], o)
	or.order = append(or.order, name)
	for len(or.order) > most {
		oldest := or.order[0]
		or.order = or.order[1:]
		if list := or.of[oldest]; len(list) > 1 {
			or.of[oldest] = list[1:]
		} else {
			delete(or.of, oldest)
		}
	}
	return redact
}
