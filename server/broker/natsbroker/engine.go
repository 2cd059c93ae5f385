//go:build !nonats

package natsbroker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/datadir"
)

// keeperInterval is the time between two looks at the free space, and between two attempts to start the server.
const keeperInterval = time.Second

// engine implements broker.Engine.
type engine struct {
	options Options
	dir     place
	start   func(o Options, dir string) (*instance, error)
	space   func() (datadir.Space, error)
	self    broker.NodeID
	health  atomic.Pointer[broker.Health]
	lost    atomic.Uint64 // records that replays did not find
	damage  tableDamage
	looked  atomic.Pointer[[]broker.StoredLog]
	silent  time.Duration // without an answer of JetStream; owned by the keeper
	looks   lookSchedule  // the same
	ends    recordEnds    // the same
	failing startFailure  // the same

	rejected atomic.Pointer[rejectedClaim] // the last one; nil: none

	mu        sync.Mutex
	instance  *instance // nil: it is starting
	logs      map[*openLog]struct{}
	opened    map[string]int // streams of logs that were ever opened, and the numbers of the logs
	tables    map[string]*table
	marks     map[string]mark // of the last run, and of this one
	unwritten bool            // marks have changed since the file was written
	short     map[string]short
	missing   map[string]missing // the record of each log that an answer did not have
	closed    bool

	mail  *mailbox   // nil on one node
	peers *peerWatch // constant after Open; nil unless it is a node with a server of its own

	closing chan struct{} // closed with Close
	ended   chan struct{} // closed when the keeper has ended and the directory is unlocked
	endErr  error         // written before ended is closed
}

func (e *engine) Self() broker.NodeID { return e.self }

func (e *engine) Health() broker.Health {
	h := *e.health.Load()
	if h.Err == nil {
		h.Err = e.mail.unheard()
	}
	if e.mail != nil {
		h.Dropped = e.mail.dropped.Load()
	}
	h.Lost, h.RestoredEntries, h.LostEntries = e.lost.Load(), e.damage.restored.Load(), e.damage.lost.Load()
	return h
}

func (e *engine) isClosing() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

// running returns the instance, or why there is none.
func (e *engine) running(ctx context.Context) (*instance, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return nil, broker.ErrClosed
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case e.instance == nil:
		return nil, fmt.Errorf("storage engine: it starts again: %w", broker.ErrUnavailable)
	case e.instance.cause() != nil:
		return nil, e.instance.cause()
	}
	return e.instance, nil
}

func (e *engine) Logs(ctx context.Context, wanted int) (int, error) {
	i, err := e.running(ctx)
	if err != nil {
		return 0, err
	}
	both, cancel := i.with(ctx)
	defer cancel()
	stream, _, err := i.logStream(both, 0, wanted)
	if err != nil {
		return 0, i.explain(ctx, "number of logs", err)
	}
	return logsOf(stream.CachedInfo().Config)
}

func (e *engine) Open(ctx context.Context, shard int) (broker.Log, error) {
	i, err := e.running(ctx)
	if err != nil {
		return nil, err
	}
	both, cancel := i.with(ctx)
	defer cancel()
	stream, id, err := i.logStream(both, shard, 1)
	if err == nil {
		err = e.checkMark(both, i, stream, id)
	}
	if err != nil {
		return nil, i.explain(ctx, fmt.Sprintf("open log %d", shard), err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, broker.ErrClosed
	}
	l, err := newLog(e, i, stream, id)
	if err != nil {
		return nil, i.explain(ctx, fmt.Sprintf("open log %d", shard), err)
	}
	e.logs[l] = struct{}{}
	e.opened[stream.CachedInfo().Config.Name] = shard
	return l, nil
}

func (e *engine) Table(ctx context.Context, name string) (broker.Table, error) {
	if err := broker.CheckKey(name); err != nil {
		return nil, err
	}
	e.mu.Lock()
	t := e.tables[name]
	if t == nil {
		t = newTable(name, &e.options, e.running, &e.damage)
		e.tables[name] = t
	}
	e.mu.Unlock()
	return t, t.open(ctx)
}

// forget removes a log that was closed.
func (e *engine) forget(l *openLog) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unwritten = e.markLocked(l) || e.unwritten
	delete(e.logs, l)
}

func (e *engine) Close(ctx context.Context) error {
	e.mu.Lock()
	var logs []*openLog
	if !e.closed {
		e.closed = true
		e.health.Store(&broker.Health{Err: broker.ErrClosed})
		close(e.closing)
		if e.instance != nil {
			e.instance.fail(broker.ErrClosed)
		}
	}
	for l := range e.logs {
		logs = append(logs, l)
	}
	e.mu.Unlock()
	for _, l := range logs {
		l.Close()
	}
	for _, l := range logs {
		select {
		case <-l.ended:
		case <-ctx.Done():
			return fmt.Errorf("storage engine: close: a done has not returned: %w", ctx.Err())
		}
	}
	select {
	case <-e.ended:
		return e.endErr
	case <-ctx.Done():
		return fmt.Errorf("storage engine: close: the disk has not finished: %w", ctx.Err())
	}
}
