package server

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/centrifugal/protocol"
)

// Redaction: what was said is taken out of the history for good, and those who have heard it are told so.

// redacted is what a redacted publication says.
var redacted = []byte(`{"redacted":true}`)

var errForgotten = &protocol.Error{Code: 107, Message: "bad request: no publication with that offset is remembered"}

// redaction names a publication.
type redaction struct {
	Channel string `json:"channel"`
	Offset  uint64 `json:"offset"`
	Epoch   string `json:"epoch"` // may be empty: whichever it is now
}

// redact is the rpc method by which a client takes back what it said itself.
func (s *session) redact(id uint32, params []byte) {
	var r redaction
	if json.Unmarshal(params, &r) != nil || !validRoomName(r.Channel) || r.Offset == 0 {
		s.fail(id, errBadRequest)
		return
	}
	if !s.may(toPublish, r.Channel) {
		s.fail(id, s.denied(toPublish, r.Channel))
		return
	}
	if !s.hub.userMayPublish(s.user, s.hub.clock.now()) {
		s.refuse(id, errTooManyRequests)
		return
	}
	if e := s.hub.redact(r, s.info); e != nil {
		s.fail(id, e)
		return
	}
	s.replies = append(s.replies, &protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: []byte("{}")}})
}

// redact is asked for by the author of a publication, or, where that is nil, by the application. Who is not the author
// does not learn whether there is such a publication.
func (h *hub) redact(what redaction, author *protocol.ClientInfo) *protocol.Error {
	gone := errForgotten
	if author != nil {
		gone = errDenied
	}
	notice, _ := ofSDK(fmt.Appendf(nil, `{"type":"redact","offset":%d}`, what.Offset))
	notice.info = author
	m := &message{pub: notice, size: notice.size() + messageOverhead}

	h.mu.Lock()
	r := h.rooms[what.Channel]
	if r == nil || r.history.epoch == "" || what.Epoch != "" && what.Epoch != r.history.epoch {
		h.mu.Unlock()
		return gone
	}
	h.expireLocked(r)
	p := r.history.find(what.Offset)
	if p == nil || author != nil && !p.by(author) {
		h.mu.Unlock()
		return gone
	}
	var wake uint64
	if !bytes.Equal(p.data, redacted) {
		h.archive.redact(r, p)
		_, wake = h.sayLocked(r, m, sayOptions{})
	}
	h.mu.Unlock()
	h.wake(wake)
	return nil
}

// by says whether a publication is somebody's own.
func (p *publication) by(who *protocol.ClientInfo) bool {
	if p.info == nil {
		return false
	}
	if who.User == "" {
		return p.info.Client == who.Client
	}
	return p.info.User == who.User
}
