package chat

import (
	"time"

	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/timeline"
	"github.com/throng-chat/throng/server/ws"
)

// Publications in durable rooms. A proposal gets its offset and joins the open record under the lock of its room. When the record is on disk,
// it is appended to the history and posted to the shards (commit.go), and then its Done is called. So neither the publisher nor a member
// knows of a publication that a restart could lose.

// proposal is a publication, a redaction or a clearing of a durable room that is not committed. Kind 0 is a barrier: its Done is called when
// what was proposed before is committed.
type proposal struct {
	kind    record.Kind
	room    *Room
	message Message        // the publication, or the notice of a redaction
	at      StreamPosition // of the publication; zero if it is not in the history. Of a barrier without: that of the room
	target  uint64         // offset: of the redacted publication, or of the last one to clear
	key     string         // idempotency key
	version Version
	entry   *timeline.Entry // what the publication says in a chat room; nil in others
	origin  origin
	done    Done // nil for none
}

// origin is the request of a proposal. The zero origin is this node, without a request.
type origin struct {
	link.Origin
	slow *SlowModeCount // on this node; nil for none
}

// isRequest reports whether the proposal is a request of a node.
func (ori origin) isRequest() bool { return ori.Origin != link.Origin{} }

// backlog returns the bytes for the room's backlog.
func (pr *proposal) backlog() int64 { return int64(pr.message.Bytes) }

// entryOf returns the entry of a publication.
func entryOf(r *Room, pub *Publication, offset uint64) record.Entry {
	return record.Entry{
		Kind: record.Publish, Form: uint8(pub.Form), Change: pub.change, Notice: pub.notice, Room: r.Name, Generation: r.durable.generation,
		Offset: offset, UnixMilli: pub.UnixMilli, Tags: pub.Tags, Info: encodeInfo(pub.Info), Data: pub.Data,
	}
}

// Propose publishes in a durable room, as Publish does in the others. Any goroutine may call it, without locks. It returns the room, whose
// backlog has the publication; nil if it was rejected. A repetition (IdempotencyKey) and an outdated publication (Version) are done after
// what was proposed before.
func (h *Hub) Propose(to RoomRef, pub Publication, o PublishOptions, done Done) *Room {
	done = h.Moderation.undoing(o.Slow, traced(o.Trace, done))
	p := &proposal{kind: record.Publish, key: o.IdempotencyKey, version: o.Version, done: done}
	p.message.Pub, p.message.trace, p.message.Bytes = pub, o.Trace, int32(pub.Size()+messageOverhead)
	h.Metrics.Messages.Inc()
	p.message.Pub.change = pub.changesMessage()
	to = h.current(to)
	if log := h.logOf(to.Name, to.Options); log.forwards() {
		return h.forwardPublication(log, to.Name, &p.message.Pub, o, done)
	}
	return h.propose(to, p, o.SkipHistory)
}

// ProposePlain publishes the message of a plain client in its durable room, as PublishPlain does in the others. slow is that of PublishOptions.
// Called on the client's poller.
func (h *Hub) ProposePlain(r *Room, op ws.Opcode, payload []byte, slow *SlowModeCount, done Done) {
	trace := h.tracePlain(r, payload)
	done = traced(trace, h.Moderation.undoing(slow, done))
	if r.durable.log.forwards() {
		h.forwardPlain(r, op, payload, slow, done)
		return
	}
	if r.talk != nil {
		h.proposePlainTalk(r, op, payload, trace, done)
		return
	}
	frame := fanout.EncodeFrame(op, payload)
	p := &proposal{kind: record.Publish, done: done}
	p.message.frames[PlainFormat], p.message.trace = frame, trace
	p.message.Pub, p.message.Bytes = Publication{Data: frame[len(frame)-len(payload):], Form: FormText}, int32(len(payload)+messageOverhead)
	if op == ws.OpBinary {
		p.message.Pub.Form = FormBytes
	}
	h.Metrics.Messages.Inc()
	h.propose(RoomRef{Name: r.Name, Options: r.Options()}, p, false)
}

// propose proposes a publication.
func (h *Hub) propose(to RoomRef, p *proposal, skipHistory bool) *Room {
	now := h.Clock.Tick()
	in := h.Rooms.StripeOf(to.Name)
	in.Mu.Lock()
	r := h.roomOfRefLocked(in, to)
	p.room = r
	d := r.durable
	skipHistory = skipHistory || r.Options().HistorySize == 0
	if p.key != "" {
		if at, ok := h.idempotency.find(to.Name, p.key, now); ok {
			h.barrierLocked(p, at)
			return nil
		}
	}
	if skipHistory {
		p.version = Version{}
	}
	if next := d.version; p.version.Number > 0 && !next.advance(p.version) {
		h.Metrics.Outdated.Inc()
		h.barrierLocked(p, StreamPosition{})
		return r
	}
	p.message.Pub.UnixMilli = time.Now().UnixMilli()
	if !skipHistory {
		p.at = StreamPosition{d.proposed + 1, r.History.Epoch}
	}
	entries := [1]record.Entry{entryOf(r, &p.message.Pub, p.at.Offset)}
	entries[0].Key, entries[0].Version = p.key, record.PublicationVersion{Number: p.version.Number, Epoch: p.version.Epoch}
	e := h.addLocked(p, entries[:])
	if e == nil && p.key != "" {
		h.idempotency.add(to.Name, p.key, p.at, now)
	}
	h.releaseLocked(r)
	in.Mu.Unlock()
	return h.proposed(p, e)
}

// addLocked adds a proposal to the open record. The room's lock is held.
func (h *Hub) addLocked(p *proposal, entries []record.Entry) *Rejection {
	for i := range entries {
		entries[i].Edge, entries[i].EdgeNumber = p.origin.Edge, p.origin.Number
	}
	if e := h.addedOrRejected(p.room.durable.log.Add(p, entries)); e != nil {
		return e
	}
	d := p.room.durable
	d.pending++
	if p.at.Offset > 0 {
		d.proposed = p.at.Offset
	}
	if p.version.Number > 0 {
		d.version.advance(p.version)
	}
	p.room.Backlog.Add(p.backlog())
	return nil
}

// proposed ends the proposing of p, without locks: it appends the record, or calls Done with the rejection.
func (h *Hub) proposed(p *proposal, e *Rejection) *Room {
	if e != nil {
		p.finish(StreamPosition{}, e)
		return nil
	}
	p.room.durable.log.Kick()
	return p.room
}

// barrierLocked makes p a barrier and releases the room's lock, which is held. at is the position for Done, zero for that of the room.
func (h *Hub) barrierLocked(p *proposal, at StreamPosition) {
	p.kind, p.at = 0, at
	now, err := p.room.durable.log.Barrier(p)
	h.releaseLocked(p.room)
	p.room.Stripe.Mu.Unlock()
	switch {
	case err != nil:
		p.finish(StreamPosition{}, h.addedOrRejected(err))
	case now:
		h.pass(p)
	}
}

// pass ends a barrier.
func (h *Hub) pass(p *proposal) {
	at := p.at
	if at == (StreamPosition{}) && p.version.Number > 0 {
		p.room.Stripe.Mu.Lock()
		at = p.room.History.Position()
		p.room.Stripe.Mu.Unlock()
	}
	p.finish(at, nil)
}

// finish calls Done.
func (pr *proposal) finish(at StreamPosition, e *Rejection) {
	if pr.done != nil {
		pr.done(at, e)
	}
}
