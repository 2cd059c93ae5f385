package chat

import (
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/timeline"
	"github.com/throng-chat/throng/server/tracing"
	"github.com/throng-chat/throng/server/ws"
)

// Publications in durable chat rooms. A proposal is checked against the messages and against what is proposed before it, under the lock of its
// room. It is folded when it is committed (commit.go), or by a replay.

// ProposeTalk publishes in a durable chat room, as PublishTalk does in one in memory. Done is called as by Propose. It returns the room, whose
// backlog has the publication; nil if nothing was proposed.
func (h *Hub) ProposeTalk(to RoomRef, pub Publication, o PublishOptions, done Done) *Room {
	done = h.Moderation.undoing(o.Slow, traced(o.Trace, done))
	to = h.current(to)
	if log := h.logOf(to.Name, to.Options); log.forwards() {
		return h.forwardPublication(log, to.Name, &pub, o, done)
	}
	item, e := h.readItem(to, pub, o)
	if e != nil {
		done(StreamPosition{}, e)
		return nil
	}
	p := item.proposal(done)
	p.key, p.message.trace = o.IdempotencyKey, o.Trace
	stripe := h.Rooms.StripeOf(to.Name)
	stripe.Mu.Lock()
	return h.proposeTalk(h.roomOfRefLocked(stripe, to), item, p)
}

// proposePlainTalk is ProposePlain in a chat room. done ends the trace.
func (h *Hub) proposePlainTalk(r *Room, op ws.Opcode, payload []byte, trace *tracing.Publication, done Done) {
	frame := fanout.EncodeFrame(op, payload)
	item, e := h.readPlain(r, op, frame, len(payload))
	if e != nil {
		done(StreamPosition{}, e)
		return
	}
	p := item.proposal(done)
	p.message.trace = trace
	if !item.masked {
		p.message.frames[PlainFormat] = frame
	}
	r.Stripe.Mu.Lock()
	h.proposeTalk(h.roomOfRefLocked(r.Stripe, RoomRef{Name: r.Name, Options: r.Options()}), item, p)
}

// proposeDeletion is ProposeRedaction in a chat room. The room's lock is held, and is released.
func (h *Hub) proposeDeletion(r *Room, what Redaction, author *ClientInfo, from origin, done Done) *Room {
	item, e := h.deletionOf(r, what, author)
	if e != nil {
		r.Stripe.Mu.Unlock()
		done(StreamPosition{}, e)
		return nil
	}
	if author != nil {
		done = hidingReason(done)
	}
	p := item.proposal(done)
	p.origin = from
	return h.proposeTalk(r, item, p)
}

// hidingReason returns a Done that does not reveal whether a message exists.
func hidingReason(done Done) Done {
	return func(at StreamPosition, e *Rejection) {
		if e != nil && e.Cause == CauseDenied {
			e = rejectDenied
		}
		done(at, e)
	}
}

// proposal returns the proposal of an item, without its room.
func (it *talkItem) proposal(done Done) *proposal {
	p := &proposal{kind: record.Publish, entry: &it.entry, done: done}
	p.message.Pub, p.message.Bytes = it.pub, int32(it.pub.Size()+messageOverhead)
	return p
}

// proposeTalk checks an item and proposes it. The room's lock is held, and is released.
func (h *Hub) proposeTalk(r *Room, item *talkItem, p *proposal) *Room {
	now := h.Clock.Tick()
	p.room = r
	if p.key != "" {
		if at, ok := h.idempotency.find(r.Name, p.key, now); ok {
			h.barrierLocked(p, at)
			return nil
		}
	}
	v, e := r.judge(item)
	switch {
	case e != nil:
		h.releaseLocked(r)
		r.Stripe.Mu.Unlock()
		p.finish(StreamPosition{}, e)
		return nil
	case v.Act == timeline.NoOp:
		h.barrierLocked(p, r.History.Position())
		return nil
	case v.Act != timeline.Accept:
		h.barrierLocked(p, StreamPosition{v.Offset, r.History.Epoch})
		return nil
	}
	unlisted := h.joinDirectLocked(r)
	h.Metrics.Messages.Inc()
	p.message.Pub.UnixMilli = time.Now().UnixMilli()
	p.at = StreamPosition{r.durable.proposed + 1, r.History.Epoch}
	entries := [1]record.Entry{entryOf(r, &p.message.Pub, p.at.Offset)}
	entries[0].Key = p.key
	if e = h.addLocked(p, entries[:]); e == nil {
		h.Metrics.DirectUnlisted.Add(float64(unlisted))
		h.holdLocked(p)
		if p.key != "" {
			h.idempotency.add(r.Name, p.key, p.at, now)
		}
	}
	h.releaseLocked(r)
	r.Stripe.Mu.Unlock()
	return h.proposed(p, e)
}

// holdLocked makes later checks count a proposal. The room's lock is held.
func (h *Hub) holdLocked(p *proposal) {
	as := publishedAs(&p.message.Pub)
	as.Offset = p.at.Offset
	h.HistoryBudget.hold(p.room, as, p.entry)
}
