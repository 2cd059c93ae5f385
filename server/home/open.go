package home

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// errReplaced is permanent: the log has another identity than before.
var errReplaced = errors.New("the log was replaced by another one: stop throng before you change its data directory")

// Open opens the log, replays it into the rooms, and fences it: appends of earlier owners are refused from then on. It reports its progress in
// the log of the program, and blocks until Add accepts proposals, or returns an error.
func (h *Home) Open(ctx context.Context) error {
	start := time.Now()
	log, err := h.cfg.Engine.Open(ctx, h.cfg.Shard)
	if err != nil {
		return fmt.Errorf("open the log of durable rooms: %w", err)
	}
	if h.id == "" {
		h.id = log.ID()
	}
	if h.id != log.ID() {
		log.Close()
		return fmt.Errorf("%w: its ID was %s, and is %s", errReplaced, h.id, log.ID())
	}
	h.mu.Lock()
	h.state, h.log, h.appends = Opening, log, 0
	h.mu.Unlock()
	r := replay{home: h, log: log, start: start}
	if err := r.run(ctx); err != nil {
		h.mu.Lock()
		h.state, h.cause = Failed, err
		h.mu.Unlock()
		log.Close()
		return err
	}
	h.mu.Lock()
	h.state, h.cause = Ready, nil
	if h.drained != nil {
		h.state = Closing
	}
	h.mu.Unlock()
	h.cfg.Log.Info("durable rooms are available", "records", r.records, "entries", r.entries, "damaged", r.damaged, "term", h.term,
		"after", time.Since(start).Round(time.Millisecond).String())
	return nil
}

// replay is one replay of the log, from the last record that was applied, with its fence.
type replay struct {
	home    *Home
	log     broker.Log
	start   time.Time
	shown   time.Time // of the last line about the progress
	newest  uint64    // number of the newest record, as known at the start
	last    uint64    // number of the last record that was read; 0 before the first
	records int
	entries int
	damaged int
	lost    lostRecords // not logged yet
	e       record.Entry
}

// lostRecords are lost records in a row.
type lostRecords struct {
	from, to uint64 // to is 0 for none
	why      string
}

// run replays until a fence is committed.
func (r *replay) run(ctx context.Context) error {
	h := r.home
	_, newest, err := r.log.Extent(ctx)
	if err != nil {
		return fmt.Errorf("read the extent of the log: %w", err)
	}
	r.newest, r.last, r.shown = newest, h.last, r.start
	for {
		h.applying.Lock()
		last, err := r.log.Replay(ctx, r.last, r.read)
		if err == nil && last > r.last {
			r.damage(r.last+1, last, "they are missing at the end of the log")
		}
		if err == nil {
			r.last = last
			h.mu.Lock()
			h.last = last
			h.mu.Unlock()
		}
		var repairs []record.Entry
		if err == nil {
			repairs = h.rooms.Repairs()
		}
		h.applying.Unlock()
		r.reportLost()
		if err != nil {
			return fmt.Errorf("replay the log of durable rooms: %w", err)
		}
		switch err := r.fence(ctx, repairs); {
		case err == nil:
			return nil
		case !errors.Is(err, broker.ErrFenced):
			return fmt.Errorf("append a fence to the log of durable rooms: %w", err)
		}
	}
}

// read replays one record. Home.applying is held.
func (r *replay) read(seq uint64, b []byte) error {
	h := r.home
	if r.last > 0 && seq > r.last+1 {
		r.damage(r.last+1, seq-1, "they are missing in the log")
	}
	r.last = seq
	r.records++
	head, entries, err := record.Open(b)
	switch {
	case errors.Is(err, record.ErrVersion):
		return fmt.Errorf("record %d: %w", seq, err)
	case err != nil:
		r.damage(seq, seq, err.Error())
		h.records.add(&Record{Seq: seq, bytes: int64(len(b)) + recordOverhead})
		return nil
	}
	rec := &Record{Seq: seq, bytes: int64(len(b)) + recordOverhead}
	h.records.add(rec)
	if head.Term < h.term || head.Expected != seq-1 {
		r.stale(seq, head, entries)
		return nil
	}
	h.term = head.Term
	for {
		ok, err := entries.Next(&r.e)
		if err != nil {
			r.damage(seq, seq, err.Error())
		}
		if !ok {
			break
		}
		r.entries++
		if hasIdempotencyKey(&r.e) {
			rec.keep(time.UnixMilli(r.e.UnixMilli).Add(h.cfg.KeepKeys))
		}
		h.rooms.Replay(rec, &r.e)
	}
	r.progress(seq)
	return nil
}

// damage notes that records cannot be read: all rooms get a new generation, because any room may have had an entry there.
func (r *replay) damage(from, to uint64, why string) {
	r.damaged += int(to - from + 1)
	r.home.cfg.Metrics.Damaged.Add(float64(to - from + 1))
	r.home.rooms.Lost(to, nil)
	if r.lost.to+1 != from || r.lost.to == 0 {
		r.reportLost()
		r.lost.from, r.lost.why = from, why
	}
	r.lost.to = to
}

// reportLost logs lost records, one line for those in a row.
func (r *replay) reportLost() {
	if r.lost.to > 0 {
		r.home.cfg.Log.Error("records of durable rooms are lost: all durable rooms get a new epoch; a redaction in these records is undone",
			"from", r.lost.from, "to", r.lost.to, "reason", r.lost.why, "advice", "run throng data check on a copy of the data directory")
	}
	r.lost = lostRecords{}
}

// stale does not apply a record of an owner before the last fence. The log does not accept such records.
func (r *replay) stale(seq uint64, head record.Header, entries record.Reader) {
	var rooms []string
	for {
		ok, err := entries.Next(&r.e)
		if err != nil || !ok {
			break
		}
		if r.e.Room != "" && !slices.Contains(rooms, r.e.Room) {
			rooms = append(rooms, string([]byte(r.e.Room)))
		}
	}
	r.damaged++
	r.home.cfg.Metrics.Damaged.Inc()
	r.home.cfg.Log.Error("a record of durable rooms is out of its order and is not applied: its rooms get a new epoch",
		"record", seq, "term", head.Term, "current_term", r.home.term, "expected", head.Expected, "rooms", len(rooms))
	r.home.rooms.Lost(seq, rooms)
}

// progress reports the replay, once a second.
func (r *replay) progress(seq uint64) {
	if r.records%64 != 0 || time.Since(r.shown) < time.Second {
		return
	}
	r.shown = time.Now()
	r.home.cfg.Log.Info("reading the history of durable rooms", "record", seq, "of", max(r.newest, seq), "entries", r.entries,
		"for", time.Since(r.start).Round(time.Millisecond).String())
}

// fence appends a fence with a new term, and the repairs, and waits for the commit.
func (r *replay) fence(ctx context.Context, repairs []record.Entry) error {
	h := r.home
	now := time.Now()
	h.term++
	entries := append([]record.Entry{{Kind: record.Fence, UnixMilli: now.UnixMilli()}}, repairs...)
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
	return nil
}
