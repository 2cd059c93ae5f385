package home

import (
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// Add adds a proposal with its entries to the open record. The caller holds the lock of the room, so the order of proposals in a room is that
// of the log, and calls Kick after it releases the lock. Rooms.Commit or Rooms.Discard gets p, unless Add returns an error: ErrNotReady,
// ErrBusy, or one of package record. The entries are copied.
func (h *Home) Add(p Proposal, entries []record.Entry) error {
	if err := h.cfg.Engine.Health().Err; err != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	if no := h.cfg.Node; no != nil {
		if err := no.Available(); err != nil {
			return fmt.Errorf("%w: %w", ErrNotReady, err)
		}
	}
	size := sizeOf(entries)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.state != Ready:
		return ErrNotReady
	case h.pending+size > MaxUncommitted:
		return ErrBusy
	}
	b := h.openFor(size)
	before := b.writer.Size()
	for i := range entries {
		if err := b.writer.Add(&entries[i]); err != nil {
			return fmt.Errorf("add to the record: %w", err)
		}
		if hasIdempotencyKey(&entries[i]) {
			b.until = time.Now().Add(h.cfg.KeepKeys)
		}
	}
	h.pending += b.writer.Size() - before
	b.proposals = append(b.proposals, p)
	return nil
}

// hasIdempotencyKey reports whether the record of an entry stays for KeepKeys.
func hasIdempotencyKey(e *record.Entry) bool { return e.Key != "" && e.Kind != record.Value }

// openFor returns the open batch, a new one if size bytes do not fit in it. h.mu is held.
func (h *Home) openFor(size int) *batch {
	if h.open != nil && h.open.writer.Size()+size > record.MaxRecord {
		h.full = append(h.full, h.open)
		h.open = nil
	}
	if h.open == nil {
		h.open = h.newBatch()
	}
	return h.open
}

// newBatch returns an empty batch. h.mu is held.
func (h *Home) newBatch() *batch {
	n := len(h.spare)
	if n == 0 {
		return &batch{}
	}
	b := h.spare[n-1]
	h.spare = h.spare[:n-1]
	return b
}

// Barrier passes p to Rooms.Commit after all proposals that were added before are committed, or to Rooms.Discard. now is true if there are
// none: then p is passed to neither. Nor is it if Barrier returns ErrNotReady: an append may have failed, and its proposals are not discarded yet.
func (h *Home) Barrier(p Proposal) (now bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.open
	switch {
	case h.state != Ready:
		return false, ErrNotReady
	case b != nil:
	case len(h.full) > 0:
		b = h.full[len(h.full)-1]
	case len(h.appended) > 0:
		b = h.appended[len(h.appended)-1]
	default:
		return true, nil
	}
	b.after = append(b.after, p)
	return false, nil
}

// Kick appends records while fewer than broker.MaxAppends are open. Any goroutine may call it, without locks. It does not block.
func (h *Home) Kick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.appending {
		return // the other goroutine sees the same batches
	}
	h.appending = true
	for h.appends < broker.MaxAppends && (h.state == Ready || h.state == Closing) {
		b := h.next()
		if b == nil {
			break
		}
		if b.renews {
			h.renew(b)
		}
		log, failures, header := h.log, h.failures, record.Header{Term: h.term, Expected: h.last}
		h.last++
		h.appends++
		b.seq = h.last
		h.appended = append(h.appended, b)
		h.mu.Unlock()
		sealed := b.seal(header)
		b.bytes = int64(len(sealed)) + recordOverhead
		start := time.Now()
		log.Append(header.Expected, sealed, func(err error) {
			if err == nil {
				h.count(len(sealed), b.writer.Len(), time.Since(start))
				h.cfg.Node.publish(b.seq, sealed)
			}
			h.done(failures, b, err)
		})
		h.mu.Lock()
	}
	h.appending = false
}

// count counts a committed record.
func (h *Home) count(bytes, entries int, took time.Duration) {
	m := h.cfg.Metrics
	m.Records.Inc()
	m.Entries.Add(float64(entries))
	m.Bytes.Add(float64(bytes))
	m.Append.Observe(took.Seconds())
}

// next removes the oldest batch that waits for an append; nil for none. h.mu is held.
func (h *Home) next() (b *batch) {
	switch {
	case len(h.full) > 0:
		b = h.full[0]
		h.full = h.full[1:]
	case h.open != nil:
		b, h.open = h.open, nil
	}
	return b
}

// done handles the result of an append. Called on the goroutine of the log.
func (h *Home) done(failures uint64, b *batch, err error) {
	h.mu.Lock()
	if failures != h.failures {
		h.mu.Unlock()
		return // b is discarded, and a replay finds the record if it is in the log
	}
	if err != nil {
		h.failLocked(err)
		h.mu.Unlock()
		return
	}
	b.committed = true
	h.appends--
	h.mu.Unlock()

	h.Kick() // the disk works while the record is applied
	h.apply(b)
}

// apply applies a committed batch.
func (h *Home) apply(b *batch) {
	h.applying.Lock()
	rec := &Record{Seq: b.seq, bytes: b.bytes, until: b.until}
	h.records.add(rec)
	if b.result != nil {
		h.records.own += b.bytes
	}
	for i := range b.own {
		h.rooms.Replay(rec, &b.own[i])
		if b.renews {
			h.fenced(b.term, &b.own[i])
		}
	}
	h.rooms.Commit(rec, b.proposals) // last: then the rooms have applied the record
	h.mu.Lock()
	h.appended = h.appended[1:] // b: no batch before it waits
	h.pending -= b.writer.Size() - emptySize
	after := b.after
	h.checkDrained()
	h.mu.Unlock()
	if len(after) > 0 {
		h.rooms.Commit(rec, after)
	}
	h.records.settle(time.Now())
	trim := h.records.excess(h.cfg.MaxBytes, h.rooms.Kept())
	h.applying.Unlock()

	if b.result != nil {
		b.result <- nil
	}
	if trim {
		signal(h.toTrim)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.spare) < maxSpare && b.result == nil {
		b.recycle()
		h.spare = append(h.spare, b)
	}
}

// emptySize is the size of a record without entries.
var emptySize = new(record.Writer).Size()

// signal puts a value into a channel with one place, unless it has one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
