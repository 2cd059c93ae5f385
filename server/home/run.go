package home

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// Waits between attempts to open the log.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 20 // times the first one
)

// Run opens the log again after a failure, and removes old records. It returns when ctx ends.
func (h *Home) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.failed:
			h.recover(ctx)
		case <-h.toTrim:
			h.trim(ctx)
		case <-h.behind:
			h.catchUp(ctx)
		}
	}
}

// Due reports whether Run has something to do.
func (h *Home) Due() bool { return len(h.failed)+len(h.toTrim)+len(h.behind) > 0 }

// Maintain does what Run has to do now, and returns false if that is nothing. It is for tests without Run.
func (h *Home) Maintain(ctx context.Context) bool {
	select {
	case <-h.failed:
		h.recover(ctx)
	case <-h.toTrim:
		h.trim(ctx)
	case <-h.behind:
		h.catchUp(ctx)
	default:
		return false
	}
	return true
}

// recover opens the log again after a failure.
func (h *Home) recover(ctx context.Context) {
	h.mu.Lock()
	log, cause := h.log, h.cause
	h.mu.Unlock()
	h.cfg.Metrics.Failures.Inc()
	switch {
	case errors.Is(cause, ErrOvertaken): // the caller of Lead has this error
	case errors.Is(cause, errDoubt):
		h.cfg.Log.Info("this node gives up the log of "+h.kind()+": another node may own it now", "error", cause)
	case errors.Is(cause, broker.ErrFenced):
		h.cfg.Log.Warn("another node owns the log of "+h.kind()+" now", "error", cause)
	default:
		h.cfg.Log.Error("the log of "+h.kind()+" failed: publications in "+h.kind()+" are rejected until it is open again", "error", cause)
	}
	h.discard()
	log.Close()
	first := cmp.Or(h.cfg.Retry, firstRetry)
	for wait := first; ; wait = min(2*wait, lastRetry*first) {
		if err := h.cfg.Engine.Health().Err; err == nil {
			open := h.Open
			if h.cfg.Node != nil {
				open = h.Follow
			}
			if err := open(ctx); err == nil || errors.Is(err, errReplaced) {
				return
			} else if ctx.Err() == nil {
				h.cfg.Log.Warn(h.kind()+" are not available", "error", err, "retry_in", wait.String())
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// trim removes the oldest records, after a checkpoint of the state that only they have.
func (h *Home) trim(ctx context.Context) {
	h.applying.Lock()
	seq := h.records.cut(h.cfg.MaxBytes, time.Now())
	if seq > 0 {
		h.records.begin()
	}
	h.applying.Unlock()
	if seq == 0 {
		return
	}
	removed := h.remove(ctx, seq)
	h.applying.Lock()
	defer h.applying.Unlock()
	h.records.end()
	if !removed {
		return // the next commit makes a trim due again
	}
	h.records.removed(seq)
	h.cfg.Metrics.Trims.Inc()
	if h.records.excess(h.cfg.MaxBytes, h.rooms.Kept()) {
		signal(h.toTrim)
	}
}

// remove removes the records up to seq, after it has appended again what only they have.
func (h *Home) remove(ctx context.Context, seq uint64) (removed bool) {
	if err := h.keep(ctx, seq); err != nil {
		h.cfg.Log.Warn("append a checkpoint of durable rooms", "error", err)
		return false
	}
	h.mu.Lock()
	log := h.log
	h.mu.Unlock()
	if err := log.Trim(ctx, seq); err != nil {
		h.cfg.Log.Warn("remove old records of durable rooms", "up_to", seq, "error", err)
		return false
	}
	return true
}

// keep appends again what only records up to seq have.
func (h *Home) keep(ctx context.Context, seq uint64) error {
	for {
		more, err := h.rooms.Carry(seq)
		if err != nil {
			return err
		}
		if !more {
			break // the records of the checkpoint are behind the last part
		}
		// An empty record: the part before it is committed when it is.
		if err := h.appendBatch(ctx, &batch{}); err != nil {
			return err
		}
	}
	h.applying.Lock()
	entries := h.rooms.Checkpoint(seq)
	h.applying.Unlock()
	for len(entries) > 0 {
		b := &batch{}
		n, err := b.fill(entries)
		if err != nil {
			return err
		}
		b.own, entries = entries[:n], entries[n:]
		if err := h.appendBatch(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// appendBatch appends a batch of the home itself behind all proposals, and waits until it is committed and replayed.
func (h *Home) appendBatch(ctx context.Context, b *batch) error {
	result := make(chan error, 1)
	b.result = result
	h.mu.Lock()
	if h.state != Ready {
		h.mu.Unlock()
		return ErrNotReady
	}
	if h.open != nil {
		h.full = append(h.full, h.open)
		h.open = nil
	}
	h.full = append(h.full, b)
	h.pending += b.writer.Size() - emptySize
	h.mu.Unlock()
	h.Kick()
	select {
	case err := <-result:
		return err
	case <-h.failed:
		signal(h.failed) // Run discards the batch
		return ErrNotReady
	case <-ctx.Done():
		return ctx.Err()
	}
}

// HandOver is Close on a node of a cluster that stops: then it follows the next owner of the log, whose records its clients still receive.
func (h *Home) HandOver(ctx context.Context) error {
	err := h.Close(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drained = nil
	switch {
	case h.state != Closing:
	case err != nil:
		h.state = Failed
		h.failLocked(err)
	default:
		h.state = Following
	}
	return err
}

// Close stops accepting proposals, and waits until those that were accepted are committed or discarded, or until ctx ends. Run must still
// run. The error is that of ctx.
func (h *Home) Close(ctx context.Context) error {
	h.mu.Lock()
	if h.state == Ready {
		h.state = Closing
	}
	drained := make(chan struct{})
	h.drained = drained
	h.checkDrained()
	h.mu.Unlock()
	h.Kick()
	select {
	case <-drained:
	case <-ctx.Done():
		return fmt.Errorf("wait for publications in durable rooms: %w", ctx.Err())
	}
	h.applying.Lock() // the last proposals are applied
	defer h.applying.Unlock()
	return nil
}
