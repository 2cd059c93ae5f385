package chat

import (
	"time"

	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/record"
)

// ProposeRedaction redacts a publication of a durable room, as Redact does in the others. Done gets the position of the notice; zero if the
// publication is redacted already. slow is that of PublishOptions. It returns the room, whose backlog has the notice; nil if there is none.
func (h *Hub) ProposeRedaction(what Redaction, author *ClientInfo, slow *SlowModeCount, done Done) *Room {
	done = h.Moderation.undoing(slow, done)
	if log := h.logOf(what.Channel, h.OptionsOf(what.Channel)); log.forwards() {
		return h.forwardRedaction(log, what, author, slow, done)
	}
	return h.proposeRedaction(what, author, origin{}, done)
}

// proposeRedaction is ProposeRedaction on the node that owns the log.
func (h *Hub) proposeRedaction(what Redaction, author *ClientInfo, from origin, done Done) *Room {
	p := &proposal{kind: record.Redact, target: what.Offset, origin: from, done: done}
	notice := noticeOf(what, author)
	p.message.Pub, p.message.Bytes = notice.Pub, notice.Bytes

	r, unlock := h.Rooms.Find(what.Channel)
	if r != nil && r.talk != nil {
		return h.proposeDeletion(r, what, author, from, done)
	}
	target, e := h.redactableLocked(r, what, author)
	p.room = r
	switch {
	case e != nil:
		unlock()
		p.finish(StreamPosition{}, e)
		return nil
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
	in = h.current(in)
	if log := h.logOf(in.Name, in.Options); log.forwards() {
		h.send(log, in.Name, []record.Entry{{Kind: record.Clear, Room: in.Name}}, done)
		return
	}
	h.proposeClear(in, link.Origin{}, done)
}

// proposeClear is ProposeClear on the node that owns the log.
func (h *Hub) proposeClear(in RoomRef, from link.Origin, done Done) {
	p := &proposal{kind: record.Clear, origin: origin{Origin: from}, done: done}
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
