package chat

import (
	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/timeline"
)

// committer implements home.Rooms: the log changes the rooms by it. Its methods are called one at a time.
type committer struct {
	hub *Hub
	log *Durable
}

// maxRun is the number of entries that are applied under one lock of a stripe, at most: publishers wait for it.
const maxRun = 64

// stripeOf returns the stripe of the room of a proposal: a *proposal, a *valueProposal or a *snapshotProposal.
func stripeOf(p home.Proposal) *Stripe {
	switch p := p.(type) {
	case *valueProposal:
		return p.stripe
	case *snapshotProposal:
		return p.room.Stripe
	}
	return p.(*proposal).room.Stripe
}

// Commit applies committed proposals, and then calls their Done: the replies are posted behind the publications.
func (co committer) Commit(in *home.Record, proposals []home.Proposal) {
	h := co.hub
	var wake uint64
	for from := 0; from < len(proposals); {
		stripe := stripeOf(proposals[from])
		to := from
		stripe.Mu.Lock()
		for n := 0; to < len(proposals) && n < maxRun; n++ {
			if stripeOf(proposals[to]) != stripe {
				break
			}
			switch p := proposals[to].(type) {
			case *valueProposal:
				p.commitLocked(valueAt(in.Seq))
				n += len(p.changes)
			case *snapshotProposal:
				h.commitSnapshotsLocked(p, in.Seq)
			case *proposal:
				wake |= h.commitLocked(in, p)
			}
			to++
		}
		stripe.Mu.Unlock()
		from = to
	}
	co.log.applied.Store(in.Seq)
	h.Wake(wake)
	for _, p := range proposals {
		switch p := p.(type) {
		case *valueProposal:
			if !co.log.completed(p.origin, StreamPosition{}) {
				p.finish(nil)
			}
		case *proposal:
			co.end(p, nil)
		}
	}
}

// end calls the Done of a proposal that is committed, or discarded with e.
func (co committer) end(p *proposal, e *Rejection) {
	h := co.hub
	if p.kind != 0 {
		h.Relieve(&p.room.Audience)
		h.HistoryBudget.evict(p.room, h.releaseLocked)
	}
	switch {
	case e != nil:
		h.Metrics.Durable.Rejected.Inc()
		if p.origin.isRequest() { // its node sends it again
			h.Moderation.UndoSlowMode(p.origin.slow)
		} else {
			p.finish(StreamPosition{}, e)
		}
	case p.kind == 0:
		h.pass(p)
	case co.log.completed(p.origin.Origin, p.at):
	default:
		p.finish(p.at, nil)
	}
}

// commitLocked applies one committed proposal, and returns the shards to wake. The room's lock is held.
func (h *Hub) commitLocked(in *home.Record, p *proposal) (wake uint64) {
	r := p.room
	if p.kind == 0 {
		return 0
	}
	r.durable.pending--
	r.durable.newest = in.Seq
	r.Backlog.Add(-p.backlog())
	switch p.kind {
	case record.Clear:
		h.HistoryBudget.ClearTo(r, p.target)
		if r.durable.clearing == p.target {
			r.durable.clearing = 0
		}
	case record.Redact:
		h.redactLocked(r, p.target)
		wake = h.appendLocked(in, r, &p.message, p.at.Offset, nil)
	default:
		if p.version.Number > 0 {
			r.version, r.durable.versionIn = p.version, in.Seq
		}
		wake = h.appendLocked(in, r, &p.message, p.at.Offset, p.entry)
	}
	h.releaseLocked(r)
	return wake
}

// appendLocked appends a committed publication to the history, unless offset is 0, and posts it. e is what it says in a chat room. The room's
// lock is held.
func (h *Hub) appendLocked(in *home.Record, r *Room, m *Message, offset uint64, e *timeline.Entry) (wake uint64) {
	m.trace.Committed()
	if offset > 0 {
		m.Pub.At = h.Clock.Tick()
		mentions := h.newMentionsLocked(r, e)
		h.storeLocked(in, r, &m.Pub, e)
		if e != nil && e.Kind == timeline.Delete && r.isOrphan(e) {
			h.HistoryBudget.redactContent(r, r.editsOf(e.ID))
		}
		if e != nil {
			h.noteLocked(r, &m.Pub, e, mentions)
		}
		if m.Pub.Offset != offset {
			panic("chat: a publication was committed out of its order")
		}
	}
	return h.postLocked(r, m)
}

// storeLocked appends a publication that is in the log to the history. e is what it says in a chat room; nil if that has no effect. The
// room's lock is held.
func (h *Hub) storeLocked(in *home.Record, r *Room, pub *Publication, e *timeline.Entry) {
	h.HistoryBudget.Append(r, pub)
	r.durable.retain(pub.Offset, in)
	if e != nil {
		h.HistoryBudget.Fold(r, pub, e)
		if m := r.talk.find(pub.Offset); m != nil {
			m.since = valueAt(in.Seq)
		}
	}
	h.scheduleExpiryLocked(r)
}

// redactLocked removes the content of a publication, if the history has it. The room's lock is held.
func (h *Hub) redactLocked(r *Room, offset uint64) {
	r.durable.redacted(offset)
	if p := r.History.Find(offset); p != nil {
		h.HistoryBudget.Redact(r, p)
	}
	if r.talk != nil {
		h.foldRedactionLocked(r, offset)
	}
}

// Discard ends proposals that are not committed, or whose outcome is unknown: a replay applies those that are in the log after all.
func (co committer) Discard(proposals []home.Proposal) {
	h := co.hub
	for _, x := range proposals {
		if vp, ok := x.(*valueProposal); ok {
			vp.stripe.Mu.Lock()
			vp.discardLocked()
			vp.stripe.Mu.Unlock()
			if vp.origin == (link.Origin{}) {
				vp.finish(RejectUnavailable)
			}
			continue
		}
		if sp, ok := x.(*snapshotProposal); ok {
			sp.room.Stripe.Mu.Lock()
			h.discardSnapshotsLocked(sp)
			sp.room.Stripe.Mu.Unlock()
			continue
		}
		p := x.(*proposal)
		r := p.room
		if p.kind != 0 {
			r.Stripe.Mu.Lock()
			d := r.durable
			d.pending--
			d.proposed, d.version, d.redacting, d.clearing = r.History.LastOffset, r.version, nil, 0
			r.Backlog.Add(-p.backlog())
			if p.key != "" {
				h.idempotency.remove(r.Name, p.key)
			}
			if p.entry != nil {
				h.HistoryBudget.releaseItem(r, p.at.Offset, p.entry)
			}
			h.releaseLocked(r)
			r.Stripe.Mu.Unlock()
		}
		co.end(p, RejectUnavailable)
	}
}
