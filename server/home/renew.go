package home

import "github.com/throng-chat/throng/server/record"

// Renew gives the owner of a log in memory a later term, behind what is proposed: owners that other nodes have meanwhile lose against it. It does nothing
// if this node is not the owner. It does not block.
func (h *Home) Renew() {
	h.mu.Lock()
	if h.state != Ready {
		h.mu.Unlock()
		return
	}
	if h.open != nil {
		h.full = append(h.full, h.open)
		h.open = nil
	}
	h.full = append(h.full, &batch{renews: true})
	h.mu.Unlock()
	h.Kick()
}

// renew fills a batch of Renew. h.mu is held.
func (h *Home) renew(b *batch) {
	e := h.nextFence(true)
	if err := b.writer.Add(&e); err != nil {
		panic(err) // it is small
	}
	h.pending += b.writer.Size() - emptySize
	b.own, b.term = []record.Entry{e}, h.term
}
