package server

import (
	"bytes"
	"fmt"
)

// Redaction: what was said is taken out of the history for good, and those who have heard it are told so.

// redacted is what a redacted publication says.
var redacted = []byte(`{"redacted":true}`)

var rejectNotice = &rejection{causeInvalid, "that publication is the notice of a redaction"}

var rejectForgotten = &rejection{causeInvalid, "no publication with that offset is remembered"}

// redaction names a publication.
type redaction struct {
	Channel string `json:"channel"`
	Offset  uint64 `json:"offset"`
	Epoch   string `json:"epoch"` // may be empty: whichever it is now
}

// redact is asked for by the author of a publication, or, where that is nil, by the application. Who is not the author
// does not learn whether there is such a publication. The notice of a redaction cannot be redacted: a chain of them has no end. in is
// the room whose members are sent a notice, nil if there is nothing new to say.
func (h *hub) redact(what redaction, author *clientInfo) (in *room, e *rejection) {
	gone := rejectForgotten
	if author != nil {
		gone = rejectDenied
	}
	notice, _ := ofSDK(fmt.Appendf(nil, `{"type":"redact","offset":%d}`, what.Offset))
	notice.info, notice.notice = author, true
	m := &message{pub: notice, bytes: notice.Size() + messageOverhead}
	var wake uint64

	r, unlock := h.rooms.find(what.Channel)
	defer func() {
		unlock()
		h.Wake(wake)
		h.archive.evict(in)
	}()
	if r == nil || r.history.epoch == "" || what.Epoch != "" && what.Epoch != r.history.epoch {
		return nil, gone
	}
	h.expireLocked(r)
	p := r.history.find(what.Offset)
	switch {
	case p == nil || author != nil && !p.by(author):
		return nil, gone
	case p.notice:
		return nil, rejectNotice
	case bytes.Equal(p.data, redacted):
		return nil, nil
	}
	h.archive.redact(r, p)
	m.pub.change = p.change
	_, wake = h.sayLocked(r, m, sayOptions{})
	return r, nil
}

// by says whether a publication is somebody's own.
func (p *publication) by(who *clientInfo) bool {
	if p.info == nil {
		return false
	}
	if who.User == "" {
		return p.info.Client == who.Client
	}
	return p.info.User == who.User
}
