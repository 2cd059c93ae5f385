// Package logqueue makes logging safe for an event loop: a log call never blocks and never fails, whatever reads the log.
//
// A Queue is a slog.Handler in front of another one. It keeps a bounded number of records, and one goroutine passes them to
// the handler behind it. A record that finds the queue full, or that the handler cannot write, is counted and
// dropped. It depends on the standard library alone.
package logqueue

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// maxRecords is how many records wait at most. Records are short: text from strangers is clipped where it is logged.
const maxRecords = 1024

// Queue is a slog.Handler that never blocks. Any goroutine may use it.
type Queue struct {
	next slog.Handler // where the records of this handler go: the same queue serves handlers with other attributes
	core *core
}

// core is what a queue and the handlers derived from it share.
type core struct {
	entries chan entry
	dropped atomic.Uint64
}

type entry struct {
	to     slog.Handler
	record slog.Record
}

// New returns a queue in front of next. Records wait until Start is called.
func New(next slog.Handler) *Queue {
	return &Queue{next, &core{entries: make(chan entry, maxRecords)}}
}

// Enabled says whether the handler behind the queue wants records of that level.
func (q *Queue) Enabled(ctx context.Context, level slog.Level) bool {
	return q.next.Enabled(ctx, level)
}

// Handle queues a record, or counts it as dropped if the queue is full. It never blocks and never returns an error. Its
// attributes must not change afterwards: they are formatted on the goroutine that writes.
func (q *Queue) Handle(_ context.Context, r slog.Record) error {
	select {
	case q.core.entries <- entry{q.next, r.Clone()}:
	default:
		q.core.dropped.Add(1)
	}
	return nil
}

// WithAttrs returns a handler that shares the queue.
func (q *Queue) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Queue{q.next.WithAttrs(attrs), q.core}
}

// WithGroup returns a handler that shares the queue.
func (q *Queue) WithGroup(name string) slog.Handler { return &Queue{q.next.WithGroup(name), q.core} }

// Dropped is the number of records that were not written.
func (q *Queue) Dropped() uint64 { return q.core.dropped.Load() }

// run writes records until ctx is done, then those that wait.
func (q *Queue) run(ctx context.Context) {
	for {
		select {
		case e := <-q.core.entries:
			q.write(e)
		case <-ctx.Done():
			for len(q.core.entries) > 0 {
				q.write(<-q.core.entries)
			}
			return
		}
	}
}

func (q *Queue) write(e entry) {
	if err := e.to.Handle(context.Background(), e.record); err != nil {
		q.core.dropped.Add(1) // the log is where errors go: its own have no other place
	}
}

// Start starts the goroutine that writes. Call it once. The stop function ends it: it waits until the records in the queue are
// written, but not longer than limit, and counts the others as dropped. If the reader of the log is stuck in a write, the
// goroutine stays until that write returns.
func (q *Queue) Start() (stop func(limit time.Duration)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.run(ctx)
	}()
	return func(limit time.Duration) {
		cancel()
		select {
		case <-done:
		case <-time.After(limit):
			q.core.dropped.Add(uint64(len(q.core.entries)))
		}
	}
}
