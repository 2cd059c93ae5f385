package chat

import (
	"bytes"
	"fmt"
)

// Redaction: what was said is taken out of the history for good, and those who have heard it are told so.

var rejectNotice = &Rejection{CauseInvalid, "that publication is the notice of a redaction"}

var rejectForgotten = &Rejection{CauseInvalid, "no publication with that offset is remembered"}

// Redaction names a publication.
type Redaction struct {
	Channel string `json:"channel"`
	Offset  uint64 `json:"offset"`
	Epoch   string `json:"epoch"` // may be empty: whichever it is now
}

// Redact is asked for by the author of a publication, or, where that is nil, by the application. Who is not the author
// does not learn whether there is such a publication. The notice of a redaction cannot be redacted: a chain of them has no end. in is
// the room whose members are sent a notice, nil if there is nothing new to say.
func (h *Hub) Redact(what Redaction, author *ClientInfo) (in *Room, e *Rejection) {
	gone := rejectForgotten
	if author != nil {
		gone = rejectDenied
	}
	data := Fitted(fmt.Appendf(nil, `{"type":"redact","offset":%d}`, what.Offset))
	notice := Publication{Data: data, Form: FormJSON, Info: author, Notice: true}
	m := &Message{Pub: notice, Bytes: notice.Size() + messageOverhead}
	var wake uint64

	r, unlock := h.Rooms.Find(what.Channel)
	defer func() {
		unlock()
		h.Wake(wake)
		h.Archive.Evict(in)
	}()
	if r == nil || r.History.Epoch == "" || what.Epoch != "" && what.Epoch != r.History.Epoch {
		return nil, gone
	}
	h.expireLocked(r)
	p := r.History.Find(what.Offset)
	switch {
	case p == nil || author != nil && !p.by(author):
		return nil, gone
	case p.Notice:
		return nil, rejectNotice
	case bytes.Equal(p.Data, Redacted):
		return nil, nil
	}
	h.Archive.Redact(r, p)
	m.Pub.change = p.change
	_, wake = h.publishLocked(r, m, false)
	return r, nil
}
