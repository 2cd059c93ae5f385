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
	isWhole bool        // the whole log was read, and needs no repair
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
	r.newest, r.shown = newest, r.start
	for {
		var repairs []record.Entry
		r.isWhole = false
		err := r.catchUp(ctx, Opening, func() {
			var needed bool
			repairs, needed = h.rooms.Repairs()
			r.isWhole = !needed
		})
		if err != nil {
			return err
		}
		switch err := r.fence(ctx, repairs); {
		case err == nil:
			return nil
		case !errors.Is(err, broker.ErrFenced):
			return fmt.Errorf("append a fence to the log of durable rooms: %w", err)
		}
	}
}

// catchUp replays the records behind the last one that is applied, and then calls end, while applying is held. It does nothing if the home is not in
// a state any more.
func (r *replay) catchUp(ctx context.Context, in State, end func()) error {
	h := r.home
	if m := h.cfg.Node.memory(); m != nil {
		m.Sync(ctx) // without locks: records arrive meanwhile
	}
	h.applying.Lock()
	h.mu.Lock()
	is := h.state == in
	r.last = h.last
	h.mu.Unlock()
	if !is {
		h.applying.Unlock()
		return nil
	}
	last, err := r.replay(ctx)
	if err == nil && last > r.last {
		r.damage(r.last+1, last, "they are missing at the end of the log")
	}
	if err == nil {
		err = r.checkEnd(last)
	}
	if err == nil {
		r.last = last
	}
	h.mu.Lock()
	h.last = r.last // also after an error: the next replay begins behind the records that are applied
	h.mu.Unlock()
	if err == nil {
		end()
	}
	h.applying.Unlock()
	r.reportLost()
	if err != nil {
		return fmt.Errorf("replay the log of durable rooms: %w", err)
	}
	return nil
}

// replay replays the records behind the last one. If the log has those of another owner, the rooms begin again. Home.applying is held.
func (r *replay) replay(ctx context.Context) (last uint64, err error) {
	h := r.home
	last, err = r.log.Replay(ctx, r.last, r.read)
	switch behind := errors.Is(err, errBehind) || err == nil && r.last > 0 && last > r.last && r.isBehind(); {
	case behind:
		h.cfg.Log.Warn("the owner of the log has removed records that this node has not applied: rooms with a history begin again with the whole log", "records", r.last)
	case errors.Is(err, broker.ErrReplaced):
		h.cfg.Log.Warn("the log of rooms in memory has another owner with other records: rooms with a history begin again with those", "records", r.last)
	default:
		return last, err
	}
	h.mu.Lock()
	h.last, h.term, h.heard = 0, 0, 0
	h.mu.Unlock()
	h.records = recordList{}
	h.rooms.Reset()
	r.last = 0
	last, err = r.log.Replay(ctx, 0, r.read)
	h.rooms.Restored()
	return last, err
}

// read replays one record. Home.applying is held.
func (r *replay) read(seq uint64, b []byte) error {
	h := r.home
	switch missing := r.last > 0 && seq > r.last+1; {
	case missing && r.isBehind():
		return errBehind
	case missing:
		r.damage(r.last+1, seq-1, "they are missing in the log")
	}
	head, entries, err := record.Open(b)
	if errors.Is(err, record.ErrVersion) {
		return fmt.Errorf("record %d: %w", seq, err)
	}
	r.last = seq
	r.records++
	if err != nil {
		r.damage(seq, seq, err.Error())
		h.records.add(&Record{Seq: seq, bytes: int64(len(b)) + recordOverhead})
		return nil
	}
	rec := &Record{Seq: seq, bytes: int64(len(b)) + recordOverhead}
	h.records.add(rec)
	switch {
	case head.Term < h.term && head.Expected == seq-1 && h.cfg.Node != nil:
		// An owner before the fence has appended two records: the fence has the number of the first one, and this is the second. So it was not
		// acknowledged, and its requests are sent to the next owner.
		h.cfg.Log.Warn("a record of an owner before this one is not applied", "record", seq, "term", head.Term, "current_term", h.term)
		return nil
	case head.Term < h.term || head.Expected != seq-1:
		r.stale(seq, head, entries)
		return nil
	}
	if head.Term != h.term {
		h.mu.Lock()
		h.term = head.Term
		h.mu.Unlock()
	}
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
			rec.keep(h.endOfKey(r.e.UnixMilli))
		}
		h.rooms.Replay(rec, &r.e)
		if r.e.Kind == record.Fence {
			h.fenced(head.Term, &r.e)
		}
	}
	h.rooms.Applied(seq)
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

// errBehind: this node must read the whole log again.
var errBehind = errors.New("this node has missed records that are removed from the log")

// isBehind reports whether what is missing before the next record was removed by the owner: the pass has read nothing yet. The records that are
// left have the state of all rooms, but not what has ended in those that are missing.
func (r *replay) isBehind() bool {
	no := r.home.cfg.Node
	return no != nil && no.Memory == nil && r.records == 0
}
