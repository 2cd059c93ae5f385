package chat

import (
	"time"

	"github.com/throng-chat/throng/server/record"
)

// ProposeRedaction redacts a publication of a durable room, as Redact does in the others. Done gets the position of the notice; zero if the
// publication is redacted already. It returns the room, whose backlog has the notice; nil if there is none.
func (h *Hub) ProposeRedaction(what Redaction, author *ClientInfo, done Done) *Room {
	p := &proposal{kind: record.Redact, target: what.Offset, done: done}
	notice := noticeOf(what, author)
	p.message.Pub, p.message.Bytes = notice.Pub, notice.Bytes

	r, unlock := h.Rooms.Find(what.Channel)
	if r != nil && r.talk != nil {
		return h.proposeDeletion(r, what, author, done)
	}
	target, e := h.redactableLocked(r, what, author)
	p.room = r
	switch {
	case e != nil:
		unlock()
		return h.proposed(p, e)
	case target == nil || r.durable.isRedacting(what.Offset):
		h.barrierLocked(p, StreamPosition{})
		return nil
	}
	d := r.durable
	p.at = StreamPosition{d.proposed + 1, r.History.Epoch}
	p.message.Pub.change, p.message.Pub.UnixMilli = target.change, time.Now().UnixMilli()
	entries := [2]record.Entry{
		{Kind: record.Redact, Room: r.Name, Generation: d.generation, Offset: what.Offset, UnixMilli: p.message.Pub.UnixMilli},
		entryOf(r, &p.message.Pub, p.at.Offset),
	}
	if e = h.addLocked(p, entries[:]); e == nil {
		d.redacting = append(d.redacting, what.Offset)
	}
	unlock()
	return h.proposed(p, e)
}

// ProposeClear drops all publications of a durable room, as ClearHistory does in the others.
func (h *Hub) ProposeClear(in RoomRef, done Done) {
	p := &proposal{kind: record.Clear, done: done}
	p.message.Bytes = messageOverhead
	stripe := h.Rooms.StripeOf(in.Name)
	stripe.Mu.Lock()
	r := h.roomOfRefLocked(stripe, in)
	p.room = r
	d := r.durable
	if d.proposed == 0 {
		h.barrierLocked(p, StreamPosition{})
		return
	}
	p.target = d.proposed
	entries := [1]record.Entry{{
		Kind: record.Clear, Room: r.Name, Generation: d.generation, Offset: d.proposed, UnixMilli: time.Now().UnixMilli(),
	}}
	e := h.addLocked(p, entries[:])
	if e == nil {
		d.clearing = p.target
	}
	h.releaseLocked(r)
	stripe.Mu.Unlock()
	h.proposed(p, e)
}
