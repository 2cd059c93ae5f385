package chat

import (
	"encoding/json"

	"github.com/throng-chat/throng/server/timeline"
)

// deletionOf returns the deletion of the message with an offset: a redaction in a chat room. author is nil for the application. The rejection
// for an author does not reveal whether the message exists. The room's lock is held.
func (h *Hub) deletionOf(r *Room, what Redaction, author *ClientInfo) (*talkItem, *Rejection) {
	notFound := rejectNotInHistory
	if author != nil {
		notFound = rejectDenied
	}
	h.expireLocked(r)
	message, ok := r.talk.timeline.At(what.Offset, "")
	if !ok || what.Epoch != "" && what.Epoch != r.History.Epoch {
		return nil, notFound
	}
	data, err := json.Marshal(struct {
		Type string `json:"type"`
		Of   string `json:"of"`
	}{"delete", message.ID})
	if err != nil {
		return nil, RejectInternal
	}
	item := &talkItem{
		pub:   Publication{Data: Compact(data), Form: FormJSON, Info: author},
		entry: timeline.Entry{Kind: timeline.Delete, ID: message.ID},
		by:    authorOf(author),
	}
	return item.stamp(), nil
}

// redactTalkLocked deletes the message with an offset: Redact in a chat room. in is the room; nil if the message is deleted already, or on
// rejection. It returns the shards to wake. The room's lock is held.
func (h *Hub) redactTalkLocked(r *Room, what Redaction, author *ClientInfo) (in *Room, wake uint64, e *Rejection) {
	item, e := h.deletionOf(r, what, author)
	if e != nil {
		return nil, 0, e
	}
	in, _, wake, e = h.talkLocked(r, item, item.message())
	if e != nil && author != nil {
		e = rejectDenied
	}
	return in, wake, e
}
