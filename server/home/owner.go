package home

import (
	"time"

	"github.com/throng-chat/throng/server/record"
)

// nextFence returns a fence with the next term, which is that of the home from then on. renews: of the same owner.
func (h *Home) nextFence(renews bool) record.Entry {
	e := record.Entry{Kind: record.Fence, Notice: renews, UnixMilli: time.Now().UnixMilli(), Data: h.cfg.Node.name()}
	if m := h.cfg.Node.memory(); m != nil {
		e.Offset = h.term
		h.term = m.Term(h.term, renews)
	} else {
		h.term++
	}
	return e
}

// fenced notes the owner of a fence that is committed.
func (h *Home) fenced(term uint64, e *record.Entry) {
	o := Owner{string(e.Data), term, term}
	h.mu.Lock()
	if e.Notice && h.owner.Node == o.Node {
		o.Since = h.owner.Since
	}
	h.mu.Unlock()
	h.setOwner(o)
}

// setOwner notes an owner: all that the owners before it have committed is applied.
func (h *Home) setOwner(o Owner) {
	h.mu.Lock()
	h.owner = o
	h.mu.Unlock()
	if h.cfg.Node != nil {
		h.cfg.Node.Fenced(o)
	}
}
