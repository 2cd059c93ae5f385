package chat

import (
	"bytes"

	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/timeline"
)

// Replay of durable chat rooms (replay.go).

// replayedEntry returns what a publication of the log says in a chat room; nil if it has no effect. A change from before the room was a chat
// room was not checked: it counts if the author of the message made it. The room's lock is held.
func (r *Room) replayedEntry(pub *Publication) *timeline.Entry {
	if r.talk == nil {
		return nil
	}
	pub.Timed = true
	e := storedEntry(pub)
	if e == nil || !e.IsChange() || pub.notice {
		return e
	}
	by := authorOf(pub.Info)
	by.Application = false
	if r.talk.timeline.Check(e, by).Act == timeline.Reject {
		return nil
	}
	return e
}

// foldRedactionLocked deletes the message whose publication was redacted before the room was a chat room. The room's lock is held.
func (h *Hub) foldRedactionLocked(r *Room, offset uint64) {
	if m, ok := r.talk.timeline.At(offset, ""); ok {
		deletion := Publication{Offset: r.History.LastOffset + 1}
		h.HistoryBudget.Fold(r, &deletion, &timeline.Entry{Kind: timeline.Delete, ID: m.ID})
	}
}

// isOrphan reports whether an entry changes a message that the room does not have. The room's lock is held.
func (r *Room) isOrphan(e *timeline.Entry) bool {
	if !e.IsChange() {
		return false
	}
	_, known := r.talk.timeline.Find(e.ID)
	return !known
}

// keepOrphanLocked keeps a change for the snapshot of its message, which may follow. If it is a deletion, the edits before it lose their
// content. The room's lock is held.
func (h *Hub) keepOrphanLocked(in *home.Record, r *Room, pub *Publication, e *timeline.Entry) {
	most := changesPerMessage*r.Options().HistorySize + maxOrphans
	redact := r.talk.orphans.add(orphan{*pub, e, valueAt(in.Seq)}, most)
	if e.Kind == timeline.Delete && !r.talk.orphans.all {
		redact = r.editsOf(e.ID)
	}
	h.HistoryBudget.redactContent(r, redact)
}

// editsOf returns the offsets of the edits of a message in the history. It reads all of it: it is for a deletion whose message was evicted
// after the deletion was proposed. The room's lock is held.
func (r *Room) editsOf(name string) (offsets []uint64) {
	for i := range r.History.Count {
		p := r.History.At(i)
		if !p.change || !bytes.Contains(p.Data, []byte(`"edit"`)) {
			continue
		}
		if e := storedEntry(p); e != nil && e.Kind == timeline.Edit && e.ID == name {
			offsets = append(offsets, p.Offset)
		}
	}
	return offsets
}
