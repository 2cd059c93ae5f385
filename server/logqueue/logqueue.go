// Package logqueue makes logging safe for an event loop: a log call never blocks and never fails, even if the reader of the log does.
//
// A Queue is a slog.Handler in front of another handler. It has a bounded number of records, and one goroutine passes them to the handler. A
// record is dropped and counted if the queue is full or the handler cannot write it. It depends only on the standard library and golang.org/x/time/rate.
package logqueue

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// maxRecords is the maximum number of queued records. Records are short, because callers clip text of unknown clients.
const maxRecords = 1024

// Queue is a slog.Handler that never blocks. Any goroutine may use it.
type Queue struct {
	next slog.Handler // writes the records of this handler; handlers with other attributes share the queue
	core *core
}

// core is the state that a queue and the handlers derived from it share.
type core struct {
	level   slog.LevelVar
	entries chan entry
	dropped atomic.Uint64
}

type entry struct {
	to     slog.Handler
	record slog.Record
}

// New returns a queue in front of next, for records of level Info and above. Records stay in the queue until Start is called.
func New(next slog.Handler) *Queue {
	return &Queue{next, &core{entries: make(chan entry, maxRecords)}}
}

// SetLevel sets the lowest level of records, also of the handlers derived from the queue. Any goroutine may call it, at any time.
func (q *Queue) SetLevel(level slog.Level) { q.core.level.Set(level) }

// Enabled reports whether the queue takes records of a level: SetLevel and the handler behind the queue decide.
func (q *Queue) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= q.core.level.Level() && q.next.Enabled(ctx, level)
}

// Handle queues a record, or counts it as dropped if the queue is full. It never blocks and never returns an error. The attributes of the
// record must not change afterwards: the goroutine that writes formats them.
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

// Dropped returns the number of records that were not written.
func (q *Queue) Dropped() uint64 { return q.core.dropped.Load() }

// run writes records until ctx is done, then the records in the queue.
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
		q.core.dropped.Add(1) // an error of the log itself cannot be logged
	}
}

// Start starts the goroutine that writes. Call it once. The stop function ends it: it waits until the records in the queue are written, at
// most for limit, and counts the remaining records as dropped. If a write blocks, the goroutine ends when the write returns.
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
