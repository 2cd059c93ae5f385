package memlog

import (
	"context"
	"fmt"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// handle is the log as a home has opened it. It implements broker.Log.
type handle struct {
	log     *Log
	results chan result // of open appends

	// Guarded by Log.mu.
	appends int
	failed  error // of the first append that failed
	closed  bool
}

type result struct {
	done func(error)
	err  error
}

// Open returns the log for its home. It ends the handle that was open.
func (l *Log) Open() broker.Log {
	h := &handle{log: l, results: make(chan result, broker.MaxAppends)}
	l.mu.Lock()
	before := l.open
	l.open = h
	l.mu.Unlock()
	if before != nil {
		before.Close()
	}
	go h.run()
	return h
}

// Close ends the handle that is open, if there is one.
func (l *Log) Close() {
	l.mu.Lock()
	h := l.open
	l.mu.Unlock()
	if h != nil {
		h.Close()
	}
}

// run is the goroutine of the log: it calls done.
func (h *handle) run() {
	for r := range h.results {
		h.log.mu.Lock()
		h.appends--
		if h.closed {
			r.err = broker.ErrClosed
		}
		h.log.mu.Unlock()
		r.done(r.err)
	}
}

func (h *handle) ID() string { return h.log.id }

func (h *handle) Extent(context.Context) (first, last uint64, err error) {
	first, last, _ = h.log.Position()
	return first, last, nil
}

// Replay reads the copy of this node.
func (h *handle) Replay(ctx context.Context, after uint64, f func(seq uint64, record []byte) error) (last uint64, err error) {
	l := h.log
	for next := after + 1; ; next++ {
		l.mu.Lock()
		switch {
		case h.closed:
			l.mu.Unlock()
			return 0, broker.ErrClosed
		case l.replaced:
			l.replaced = false
			l.mu.Unlock()
			return 0, broker.ErrReplaced
		}
		next = max(next, l.ring.first)
		last = l.ring.last()
		if next > last {
			l.mu.Unlock()
			return last, ctx.Err()
		}
		b := l.ring.get(next)
		l.mu.Unlock()
		if err := f(next, b); err != nil {
			return 0, err
		}
	}
}

// Err returns the failure of the first append that failed. A replaced log fails its next replay.
func (h *handle) Err() error {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	if h.closed {
		return broker.ErrClosed
	}
	return h.failed
}

// Append appends a record of this node. It fails if another node has a later term.
func (h *handle) Append(expected uint64, b []byte, done func(error)) {
	if len(b) == 0 || len(b) > broker.MaxRecord {
		panic(fmt.Sprintf("memlog: record of %d bytes: allowed are 1 to %d", len(b), broker.MaxRecord))
	}
	head, _, err := record.Open(b)
	if err != nil {
		panic(fmt.Sprintf("memlog: append: %v", err))
	}
	l := h.log
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case h.appends == broker.MaxAppends:
		panic("memlog: more appends are open than allowed")
	case h.closed:
		go done(broker.ErrClosed)
		return
	case h.failed != nil:
	case expected != l.ring.last() || l.replaced:
		h.failed = fmt.Errorf("memlog: record %d, expected %d: %w", l.ring.last()+1, expected+1, broker.ErrFenced)
	case head.Term < max(l.claim.Term, l.ring.term()):
		h.failed = fmt.Errorf("memlog: another node has the term %d, this one %d: %w", l.claim.Term, head.Term, broker.ErrFenced)
	default:
		l.ring.add(head.Term, b)
	}
	h.appends++
	h.results <- result{done, h.failed} // it has a place for each open append
}

func (h *handle) Trim(_ context.Context, upTo uint64) error {
	l := h.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.closed {
		return broker.ErrClosed
	}
	l.ring.trim(upTo)
	return nil
}

func (h *handle) Close() {
	l := h.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.results)
		if l.open == h {
			l.open = nil
		}
	}
}
