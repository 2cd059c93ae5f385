//go:build !nonats

package natsbroker

import (
	"context"
	"crypto/rand"
	"errors"
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
	dir     *datadir.Dir
	start   func(o Options, dir string) (*instance, error)
	space   func() (datadir.Space, error)
	self    broker.NodeID
	health  atomic.Pointer[broker.Health]
	lost    atomic.Uint64 // records that replays did not find

	mu        sync.Mutex
	instance  *instance // nil: it is starting
	logs      map[*openLog]struct{}
	marks     map[string]mark // of the last run, and of this one
	unwritten bool            // marks have changed since the file was written
	closed    bool

	closing chan struct{} // closed with Close
	ended   chan struct{} // closed when the keeper has ended and the directory is unlocked
	endErr  error         // written before ended is closed
}

// Open locks the data directory and starts the engine on it. It blocks while the engine reads its files. Errors: those of datadir.Open,
// ErrFull, ErrUnavailable, ErrLeftOut. The engine needs Close.
func Open(o Options) (broker.Engine, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	dir, err := datadir.Open(o.Dir, o.Cluster)
	if err != nil {
		return nil, err
	}
	e, err := newEngine(o, dir, startInstance, dir.Space)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", dir.Path(), err), dir.Close())
	}
	return e, nil
}

// newEngine starts an engine on a locked directory. Tests replace start and space.
func newEngine(o Options, dir *datadir.Dir, start func(Options, string) (*instance, error), space func() (datadir.Space, error)) (*engine, error) {
	e := &engine{
		options: o, dir: dir, start: start, space: space, self: broker.NodeID(rand.Text()), logs: map[*openLog]struct{}{},
		closing: make(chan struct{}), ended: make(chan struct{}),
	}
	e.marks = e.readMarks()
	i, err := start(o, dir.Engine())
	if err != nil {
		return nil, err
	}
	e.instance = i
	e.updateHealth(nil)
	go e.keep(i)
	return e, nil
}

func (e *engine) Self() broker.NodeID { return e.self }

func (e *engine) Health() broker.Health {
	h := *e.health.Load()
	h.Lost = e.lost.Load()
	return h
}

// keep is the goroutine of the keeper. It replaces a failed instance.
func (e *engine) keep(i *instance) {
	defer close(e.ended)
	ticks := time.NewTicker(keeperInterval)
	defer ticks.Stop()
	for {
		var down <-chan struct{}
		if i != nil {
			down = i.down.Done()
		}
		select {
		case <-e.closing:
		case <-down:
		case <-ticks.C:
		}
		switch {
		case e.isClosing():
			if i != nil {
				i.stop()
			}
			e.writeMarks()
			e.endErr = e.dir.Close()
			return
		case i == nil:
			i = e.restart()
		case i.cause() != nil:
			e.options.Log.Error("storage engine: failed, and starts again", "error", i.cause())
			e.setInstance(nil, i.cause())
			i.stop()
			i = e.restart()
		default:
			i.checkServer()
			e.updateHealth(i.cause())
			e.writeMarks()
		}
	}
}

func (e *engine) isClosing() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

// restart starts an instance, or returns nil.
func (e *engine) restart() *instance {
	i, err := e.start(e.options, e.dir.Engine())
	if err != nil {
		e.options.Log.Error("storage engine: cannot start", "error", err)
		e.setInstance(nil, err)
		return nil
	}
	e.options.Log.Info("storage engine: started again")
	e.setInstance(i, nil)
	return i
}

func (e *engine) setInstance(i *instance, err error) {
	e.mu.Lock()
	e.instance = i
	e.mu.Unlock()
	e.updateHealth(err)
}

// updateHealth measures the free space. err is the reason why there is no instance.
func (e *engine) updateHealth(err error) {
	var h broker.Health
	space, spaceErr := e.space()
	floor := e.options.Floor.Of(space)
	before := e.health.Load()
	if before != nil && errors.Is(before.Err, broker.ErrFull) {
		floor += floor / 16 // so that the state does not change with each record
	}
	switch {
	case err != nil:
		h.Err = err
	case spaceErr == nil && space.Free < floor:
		h.Err = fmt.Errorf("data directory %s: %w: %d MiB are free, %d MiB are needed: free space on its file system",
			e.dir.Path(), broker.ErrFull, space.Free>>20, floor>>20)
	}
	h.Free, h.Size = space.Free, space.Size
	if before != nil {
		h.Stored = before.Stored
	}
	if i, err := e.running(context.Background()); err == nil {
		h.Stored = i.stored()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.health.Store(&h)
	if before != nil && (before.Err == nil) != (h.Err == nil) {
		e.options.Log.Warn("storage engine: state has changed", "error", h.Err, "free", h.Free)
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

func (e *engine) Open(ctx context.Context, shard int) (broker.Log, error) {
	i, err := e.running(ctx)
	if err != nil {
		return nil, err
	}
	both, cancel := i.with(ctx)
	defer cancel()
	stream, id, err := i.logStream(both, shard)
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
	return l, nil
}

// forget removes a log that was closed.
func (e *engine) forget(l *openLog) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unwritten = e.markLocked(l) || e.unwritten
	delete(e.logs, l)
}

// Send has no receiver: there is one node.
func (e *engine) Send(broker.NodeID, []byte) {}

// Broadcast has no receiver: there is one node.
func (e *engine) Broadcast([]byte) {}

// Receive is never called back: there is one node.
func (e *engine) Receive(func(from broker.NodeID, b []byte)) {}

// Lost is never called back: there is one node.
func (e *engine) Lost(func()) {}

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
