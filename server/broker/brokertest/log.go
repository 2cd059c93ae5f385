package brokertest

import (
	"context"
	"fmt"
	"slices"

	"github.com/throng-chat/throng/server/broker"
)

// shard is the stored records of one log, under Fake.mu.
type shard struct {
	id      string
	first   uint64 // number of records[0]; of the next record if there is none
	records [][]byte
}

func (s *shard) last() uint64 { return s.first + uint64(len(s.records)) - 1 }

// fakeLog is one opened log. Its fields are under Fake.mu.
type fakeLog struct {
	node   *node
	shard  *shard
	open   []*appending // oldest first
	closed bool
	failed error // of the first append that failed
	ended  bool  // failed, and a done was called with an error: nothing more is stored
}

// appending is an open append. First it gets its outcome, then its done is called.
type appending struct {
	expected uint64
	record   []byte
	done     func(error)
	decided  bool
	err      error
}

func (l *fakeLog) ID() string { return l.shard.id }

func (l *fakeLog) Extent(ctx context.Context) (first, last uint64, err error) {
	l.node.fake.mu.Lock()
	defer l.node.fake.mu.Unlock()
	if err := l.readableLocked(ctx); err != nil {
		return 0, 0, err
	}
	return l.shard.first, l.shard.last(), nil
}

func (l *fakeLog) Replay(ctx context.Context, after uint64, f func(seq uint64, record []byte) error) (last uint64, err error) {
	next, skip := after+1, l.node.fake.bug == "the replay leaves out a record"
	for {
		l.node.fake.mu.Lock()
		if err := l.readableLocked(ctx); err != nil {
			l.node.fake.mu.Unlock()
			return 0, err
		}
		next = max(next, l.shard.first)
		if next > l.shard.last() {
			defer l.node.fake.mu.Unlock()
			return l.shard.last(), nil
		}
		record := slices.Clone(l.shard.records[next-l.shard.first])
		if record == nil {
			l.node.fake.lost++
		}
		l.node.fake.mu.Unlock()
		if skip && next == 3 {
			next++
			continue
		}
		if err := f(next, record); err != nil {
			return 0, err
		}
		next++
	}
}

func (l *fakeLog) Append(expected uint64, record []byte, done func(error)) {
	if len(record) == 0 || len(record) > broker.MaxRecord {
		panic(fmt.Sprintf("broker: record of %d bytes: allowed are 1 to %d", len(record), broker.MaxRecord))
	}
	l.node.fake.mu.Lock()
	defer l.node.fake.mu.Unlock()
	if len(l.open) == broker.MaxAppends {
		panic("broker: more appends are open than allowed")
	}
	if l.node.killed {
		return
	}
	if l.closed || l.node.closed { // it is stored nowhere
		l.node.fake.calls = append(l.node.fake.calls, func() { done(broker.ErrClosed) })
	} else {
		l.open = append(l.open, &appending{expected: expected, record: record, done: done})
	}
	l.node.fake.wakeLocked()
}

func (l *fakeLog) Err() error {
	l.node.fake.mu.Lock()
	defer l.node.fake.mu.Unlock()
	if l.closed || l.node.closed {
		return broker.ErrClosed
	}
	return l.failed
}

// eventLocked returns the next thing that happens to the open appends, or nil: the oldest one without an outcome gets it, or the oldest
// one gets its call of done.
func (l *fakeLog) eventLocked() func() func() {
	var possible []func() func()
	if next := slices.IndexFunc(l.open, func(a *appending) bool { return !a.decided }); next >= 0 && !l.node.fake.stalled && !l.node.fake.network.minority[l.node.id] {
		possible = append(possible, func() func() { l.decideLocked(l.open[next]); return nil })
	}
	if len(l.open) > 0 && l.open[0].decided {
		possible = append(possible, l.completeLocked)
	}
	if len(possible) == 0 {
		return nil
	}
	return possible[l.node.fake.random.IntN(len(possible))]
}

// decideLocked stores an append or not.
func (l *fakeLog) decideLocked(a *appending) {
	f := l.node.fake
	a.decided = true
	switch {
	case l.ended && f.bug != "appends succeed after a failure":
	case f.down:
		l.storeAtRandomLocked(a)
		a.err = fmt.Errorf("fake: down: %w", broker.ErrUnavailable)
	case f.full || f.chanceLocked(f.faults.Full):
		a.err = fmt.Errorf("fake: full: %w", broker.ErrFull)
	case f.chanceLocked(f.faults.Lose):
		a.err = fmt.Errorf("fake: lost: %w", broker.ErrUnavailable)
	case !l.storeLocked(a):
		a.err = fmt.Errorf("fake: record %d, expected %d: %w", l.shard.last()+1, a.expected+1, broker.ErrFenced)
	case f.chanceLocked(f.faults.LoseAck):
		a.err = fmt.Errorf("fake: no answer: %w", broker.ErrUnavailable)
	}
	if l.failed != nil && f.bug != "appends succeed after a failure" {
		a.err = fmt.Errorf("fake: after a failed append (%v): %w", l.failed, broker.ErrUnavailable)
	} else if a.err != nil {
		l.failed = a.err
	}
}

// storeLocked stores the record of an append if its number is free.
func (l *fakeLog) storeLocked(a *appending) bool {
	s, bug := l.shard, l.node.fake.bug
	if a.expected != s.last() && bug != "no fence" {
		return false
	}
	switch bug {
	case "a commit is not stored":
		if s.last() == 4 {
			return true
		}
	case "a record is stored twice":
		if s.last() == 4 {
			s.records = append(s.records, a.record)
		}
	case "a record is cut":
		a.record = a.record[:len(a.record)-len(a.record)/8]
	}
	s.records = append(s.records, a.record)
	return true
}

func (l *fakeLog) storeAtRandomLocked(a *appending) {
	if l.node.fake.random.IntN(2) == 0 {
		l.storeLocked(a)
	}
}

// completeLocked removes the oldest open append and returns the call of its done.
func (l *fakeLog) completeLocked() func() {
	i := 0
	if l.node.fake.bug == "done out of order" {
		i = len(l.open) - 1
	}
	a := l.open[i]
	l.open = slices.Delete(l.open, i, i+1)
	l.ended = l.ended || a.err != nil
	if l.node.fake.bug == "done is called twice" {
		return func() { a.done(a.err); a.done(a.err) }
	}
	return func() { a.done(a.err) }
}

// endLocked ends the log. Each open append without an outcome is stored or not. Unless the node was killed, the calls of done are made by
// the next steps.
func (l *fakeLog) endLocked() {
	l.closed = true
	for _, a := range l.open {
		if !a.decided {
			l.storeAtRandomLocked(a)
		}
		if !l.node.killed && l.node.fake.bug != "a closed log forgets its appends" {
			l.node.fake.calls = append(l.node.fake.calls, func() { a.done(broker.ErrClosed) })
		}
	}
	l.open = nil
	l.node.fake.wakeLocked()
}

func (l *fakeLog) Trim(ctx context.Context, upTo uint64) error {
	l.node.fake.mu.Lock()
	defer l.node.fake.mu.Unlock()
	if err := l.readableLocked(ctx); err != nil {
		return err
	}
	s := l.shard
	if n := min(upTo, s.last()); n >= s.first {
		s.records = slices.Clone(s.records[n-s.first+1:])
		s.first = n + 1
		if len(s.records) == 0 && l.node.fake.bug == "a trim reuses numbers" {
			s.first = 1
		}
	}
	return nil
}

func (l *fakeLog) Close() {
	l.node.fake.mu.Lock()
	defer l.node.fake.mu.Unlock()
	l.endLocked()
	l.node.logs = slices.DeleteFunc(l.node.logs, func(other *fakeLog) bool { return other == l })
}

func (l *fakeLog) readableLocked(ctx context.Context) error {
	if l.closed {
		return broker.ErrClosed
	}
	return l.node.fake.readableLocked(ctx, l.node)
}
