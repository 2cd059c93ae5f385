package chat

import (
	"bytes"
	"fmt"
)

var rejectNotice = &Rejection{CauseInvalid, "the publication is the notice of a redaction"}

var rejectNotInHistory = &Rejection{CauseInvalid, "no publication with that offset is in the history"}

// Redaction identifies a publication to redact.
type Redaction struct {
	Channel string `json:"channel"`
	Offset  uint64 `json:"offset"`
	Epoch   string `json:"epoch"` // empty: the current epoch
}

// Redact removes the content of a publication from the history and sends a notice to the members. author is the publisher; nil: the
// application. For another author the rejection does not reveal whether the publication exists. A notice cannot be redacted. in is the
// room; nil if the publication is redacted already, or on rejection.
func (h *Hub) Redact(what Redaction, author *ClientInfo) (in *Room, e *Rejection) {
	m := noticeOf(what, author)
	var wake uint64

	r, unlock := h.Rooms.Find(what.Channel)
	defer func() {
		unlock()
		h.Wake(wake)
		h.HistoryBudget.evict(in, h.releaseLocked)
	}()
	if r != nil && r.talk != nil {
		in, wake, e = h.redactTalkLocked(r, what, author)
		return in, e
	}
	p, e := h.redactableLocked(r, what, author)
	if p == nil {
		return nil, e
	}
	h.HistoryBudget.Redact(r, p)
	m.Pub.change = p.change
	_, wake = h.publishLocked(r, m, false)
	return r, nil
}

// noticeOf returns the notice of a redaction.
func noticeOf(what Redaction, author *ClientInfo) *Message {
	data := Compact(fmt.Appendf(nil, `{"type":"redact","offset":%d}`, what.Offset))
	notice := Publication{Data: data, Form: FormJSON, Info: author, notice: true}
	return &Message{Pub: notice, Bytes: int32(notice.Size() + messageOverhead)}
}

// redactableLocked returns the publication that a redaction of author removes; nil if it is redacted already, or on rejection. r is nil if
// there is no such room; else its lock is held.
func (h *Hub) redactableLocked(r *Room, what Redaction, author *ClientInfo) (*Publication, *Rejection) {
	notFound := rejectNotInHistory
	if author != nil {
		notFound = rejectDenied
	}
	if r == nil || r.History.Epoch == "" || what.Epoch != "" && what.Epoch != r.History.Epoch {
		return nil, notFound
	}
	h.expireLocked(r)
	p := r.History.Find(what.Offset)
	switch {
	case p == nil || author != nil && !p.isBy(author):
		return nil, notFound
	case p.notice:
		return nil, rejectNotice
	case bytes.Equal(p.Data, Redacted):
		return nil, nil
	}
	return p, nil
}
