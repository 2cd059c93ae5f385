package home

import (
	"context"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// fence appends a fence with a new term, and the repairs, and waits for the commit.
func (r *replay) fence(ctx context.Context, repairs []record.Entry) error {
	h := r.home
	before := h.term
	entries := append([]record.Entry{h.nextFence(false)}, repairs...)
	err := r.store(ctx, entries)
	if err != nil {
		h.term = before // a replay finds the term of the last fence that was stored
	}
	return err
}

// store appends entries of the home itself, waits for their commit and applies them.
func (r *replay) store(ctx context.Context, entries []record.Entry) error {
	h := r.home
	for len(entries) > 0 {
		b := &batch{}
		n, err := b.fill(entries)
		if err != nil {
			return err
		}
		if err := r.append(ctx, b); err != nil {
			return err
		}
		h.applying.Lock()
		rec := &Record{Seq: b.seq, bytes: b.bytes}
		h.records.add(rec)
		for i := range entries[:n] {
			h.rooms.Replay(rec, &entries[i])
		}
		h.applying.Unlock()
		entries = entries[n:]
	}
	return nil
}

// append appends a batch and waits for its commit.
func (r *replay) append(ctx context.Context, b *batch) error {
	h := r.home
	sealed := b.seal(record.Header{Term: h.term, Expected: r.last})
	b.seq, b.bytes = r.last+1, int64(len(sealed))+recordOverhead
	result := make(chan error, 1)
	r.log.Append(r.last, sealed, func(err error) { result <- err })
	timeout := time.NewTimer(AppendTimeout)
	defer timeout.Stop()
	select {
	case err := <-result:
		if err != nil {
			return err
		}
	case <-timeout.C:
		return errTimeout
	case <-ctx.Done():
		return ctx.Err()
	}
	r.last = b.seq
	h.mu.Lock()
	h.last = b.seq
	h.mu.Unlock()
	h.cfg.Node.publish(b.seq, sealed)
	return nil
}

// closeBehind appends empty records behind a fence, so that no open append of the owner before it finds its number free: an append names the number
// before it only. It fails if one was stored already.
func (r *replay) closeBehind(ctx context.Context) error {
	h := r.home
	for range broker.MaxAppends - 1 {
		b := &batch{}
		if err := r.append(ctx, b); err != nil {
			return err
		}
		h.applying.Lock()
		h.records.add(&Record{Seq: b.seq, bytes: b.bytes})
		h.applying.Unlock()
	}
	return nil
}
