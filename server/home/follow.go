package home

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// Follow opens the log and replays it. Another node appends to it, or nobody: Add returns ErrNotReady. Apply and catchUp then apply what that
// node commits.
func (h *Home) Follow(ctx context.Context) error {
	start := time.Now()
	log, err := h.openLog(ctx)
	if err != nil {
		return err
	}
	r := replay{home: h, log: log, start: start, shown: start}
	var term uint64
	err = r.catchUp(ctx, Opening, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.state, h.cause = Following, nil
		term = h.term // from here on, Lead may raise it
	})
	if err != nil {
		h.mu.Lock()
		h.state, h.cause = Failed, err
		h.mu.Unlock()
		log.Close()
		return err
	}
	h.cfg.Log.Info("the log of "+h.kind()+" is read", "records", r.records, "entries", r.entries, "damaged", r.damaged, "term", term,
		"after", time.Since(start).Round(time.Millisecond).String())
	return nil
}

// Apply applies a record that another node has committed. It does nothing if the record is applied already. If records before it are missing, or
// this node appends with an older term, Run reads the log. Called on one goroutine; b is lent for the call.
func (h *Home) Apply(seq uint64, b []byte) {
	h.mu.Lock()
	h.heard = max(h.heard, seq)
	state := h.state
	if state == Ready && seq > h.last {
		if head, _, err := record.Open(b); err == nil && head.Term > h.term {
			h.failLocked(fmt.Errorf("%w, with the term %d", broker.ErrFenced, head.Term))
		}
	}
	h.mu.Unlock()
	if state != Following {
		return
	}
	if !h.applying.TryLock() {
		signal(h.behind) // a replay may wait for another node, whose heartbeats come on this goroutine. Run reads the record behind it
		return
	}
	defer h.applying.Unlock()
	h.mu.Lock()
	state, last := h.state, h.last
	h.mu.Unlock()
	switch {
	case state != Following || seq <= last:
	case seq > last+1:
		signal(h.behind)
	default:
		h.applyNext(seq, b)
	}
}

// applyNext applies the record behind the last one. applying is held.
func (h *Home) applyNext(seq uint64, b []byte) {
	r := replay{home: h, last: seq - 1, shown: time.Now()}
	if err := r.read(seq, b); err != nil {
		h.cfg.Log.Error("a record of another node cannot be applied", "error", err)
		signal(h.behind)
		return
	}
	r.reportLost()
	h.mu.Lock()
	h.last = seq
	h.mu.Unlock()
	h.records.settle(time.Now())
	h.records.forgetDead()
}

// Heard notes that an owner has committed records up to seq. Run reads those that do not arrive.
func (h *Home) Heard(o Owner, seq uint64) {
	h.mu.Lock()
	if h.state == Ready && o.Term > h.term {
		h.failLocked(fmt.Errorf("%w, with the term %d", broker.ErrFenced, o.Term))
	}
	h.heard = max(h.heard, seq)
	if h.isBehind() {
		signal(h.behind)
	}
	// The log may have lost the fence: it was trimmed. All up to it is applied.
	isOwner := h.state == Following && o.Node != "" && o.Term > h.owner.Term && h.last >= seq
	if h.cfg.Node.memory() != nil {
		isOwner = isOwner && o.Term == h.term && !h.isBehind()
	}
	h.mu.Unlock()
	if isOwner {
		o.Since = o.Term
		h.setOwner(o)
	}
}

// errDoubt: the other nodes may have elected another owner.
var errDoubt = errors.New("this node does not reach a majority of the nodes")

// Doubt ends the use of a log in memory that this node owns: another node may own it, up to a term.
func (h *Home) Doubt(term uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == Ready && term > h.term {
		h.failLocked(errDoubt)
	}
}

// isBehind reports whether the owner has records that are not applied here. h.mu is held.
func (h *Home) isBehind() bool {
	if m := h.cfg.Node.memory(); m != nil {
		return h.state == Following && m.Behind(h.last)
	}
	return h.state == Following && h.heard > h.last
}

// catchUp reads from the log what was not received.
func (h *Home) catchUp(ctx context.Context) {
	h.mu.Lock()
	log, due := h.log, h.isBehind()
	h.mu.Unlock()
	if !due {
		return
	}
	start := time.Now()
	r := replay{home: h, log: log, start: start, shown: start}
	err := r.catchUp(ctx, Following, func() { h.records.settle(time.Now()); h.records.forgetDead() })
	if err != nil && ctx.Err() == nil {
		h.cfg.Log.Warn("records of another node are missing, and the log cannot be read", "error", err)
		h.mu.Lock()
		if h.state == Following {
			h.state = Failed
			h.failLocked(err)
		}
		h.mu.Unlock()
		return
	}
	h.cfg.Metrics.Missed.Add(float64(r.records))
	if r.records > 0 {
		h.gaps.Add(1)
	}
}

// Gaps returns how often records of the owner did not arrive, and were read from the log.
func (h *Home) Gaps() uint64 { return h.gaps.Load() }

// Lag returns the number of records that the owner of a log on disk has committed, as far as this node knows, and this node has not applied.
func (h *Home) Lag() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.heard - min(h.heard, h.last)
}

// shortReplays is the number of replays in a row, about one a second, after which the records are lost that this node has applied and the log does not have.
const shortReplays = 30

// checkEnd returns an error if the log ends before the last record that is applied: in a cluster a node answers that does not have all records, because it
// has just started, or was parted. Home.applying is held.
func (r *replay) checkEnd(last uint64) error {
	h := r.home
	if last >= r.last {
		h.short = 0
		return nil
	}
	if h.short++; h.cfg.Node != nil && h.short < shortReplays {
		return fmt.Errorf("record %d is applied, and the node that answers has the records up to %d: %w", r.last, last, broker.ErrUnavailable)
	}
	h.short = 0
	r.damage(last+1, r.last, "the log has lost them")
	return nil
}

// ErrOvertaken: another node has become the owner meanwhile.
var ErrOvertaken = errors.New("another node was quicker")

// Lead makes this node the owner of the log, which it follows: it appends a fence. On error Run opens the log again, to follow it.
func (h *Home) Lead(ctx context.Context) error {
	h.applying.Lock()
	h.mu.Lock()
	if h.state != Following {
		h.mu.Unlock()
		h.applying.Unlock()
		return ErrNotReady
	}
	h.state = Opening
	r := replay{home: h, log: h.log, start: time.Now(), last: h.last}
	h.mu.Unlock()
	h.applying.Unlock()
	var before Takeover
	if m := h.cfg.Node.memory(); m != nil {
		before = m.Takeover()
	}
	err := r.fence(ctx, nil)
	if err == nil && h.cfg.Node.memory() == nil {
		err = r.closeBehind(ctx)
	}
	if err == nil {
		h.applying.Lock()
		if before.Foreign {
			h.rooms.Lost(h.last, nil)
		}
		if before != (Takeover{}) {
			h.rooms.Fork(before.Alone)
		}
		repairs, _ := h.rooms.Repairs()
		h.applying.Unlock()
		err = r.store(ctx, repairs)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.state = Failed
		if errors.Is(err, broker.ErrFenced) {
			err = fmt.Errorf("%w: %w", ErrOvertaken, err)
		}
		h.failLocked(err)
		return fmt.Errorf("append a fence to the log of %s: %w", h.kind(), err)
	}
	h.state, h.cause, h.owner = Ready, nil, Owner{h.cfg.Node.Name, h.term, h.term}
	if h.drained != nil {
		h.state = Closing
	}
	h.cfg.Log.Info("this node owns the log of "+h.kind(), "term", h.term, "records", h.last,
		"after", time.Since(r.start).Round(time.Millisecond).String())
	return nil
}

// Position returns the owner of the last fence, the number of the last record that was appended or applied, and the state.
func (h *Home) Position() (o Owner, last uint64, state State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.owner, h.last, h.state
}
