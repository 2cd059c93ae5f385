//go:build !nonats

package natsbroker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/datadir"
)

// newEngine starts an engine on a locked directory, or on an external cluster. Tests replace start and space.
func newEngine(o Options, dir place, start func(Options, string) (*instance, error), space func() (datadir.Space, error)) (*engine, error) {
	e := &engine{
		options: o, dir: dir, start: start, space: space, self: broker.NodeID(rand.Text()), logs: map[*openLog]struct{}{}, opened: map[string]int{},
		tables: map[string]*table{}, short: map[string]short{}, missing: map[string]missing{}, closing: make(chan struct{}), ended: make(chan struct{}),
	}
	e.marks = e.readMarks()
	if o.Join != nil {
		e.looks.nodes = len(o.Join.Peers)
	}
	if o.node() != "" {
		e.self = broker.NodeID(o.node() + "-" + rand.Text())
		e.mail = newMailbox(e)
		e.options.missed = e.mail.miss
	}
	if x := o.External; x != nil {
		named := *x
		named.self, named.rejected = processName(), e.reject
		e.options.External = &named
	}
	o = e.options
	i, err := start(o, dir.Engine())
	if err != nil {
		return nil, err
	}
	e.setInstance(i, nil)
	go e.keep(i)
	if e.mail != nil {
		go e.mail.run()
		go e.mail.deliver()
	}
	return e, nil
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
		missing := e.dir.Missing()
		switch {
		case e.isClosing():
			if i != nil {
				i.stop()
			}
			e.writeMarks()
			e.endErr = e.dir.Close()
			return
		case missing != nil:
			e.leave(i, missing)
			i = nil
		case i == nil:
			i = e.restart()
		case i.cause() != nil:
			e.options.Log.Error("storage engine: failed, and starts again", "error", i.cause())
			e.setInstance(nil, i.cause())
			i.stop()
			i = e.restart()
		default:
			i.checkServer()
			i.log.showRepeated(time.Now())
			e.look(i)
			e.updateHealth(i.cause())
			e.writeMarks()
		}
	}
}

// leave stops an instance, or nil, whose directory is missing: its files take records that no start finds. It starts again when the directory
// is back.
func (e *engine) leave(i *instance, missing error) {
	cause := fmt.Errorf("storage engine: %w: %w", broker.ErrUnavailable, missing)
	if i != nil {
		e.options.Log.Error("storage engine: stopped: what was stored since is lost", "error", cause)
		i.fail(cause)
		i.stop()
	}
	e.setInstance(nil, cause)
}

// restart starts an instance, or returns nil.
func (e *engine) restart() *instance {
	i, err := e.start(e.options, e.dir.Engine())
	if err != nil {
		if e.failing.isDue(err.Error(), time.Now()) {
			e.options.Log.Error("storage engine: cannot start", "error", err)
		}
		e.setInstance(nil, err)
		return nil
	}
	e.failing = startFailure{}
	e.options.Log.Info("storage engine: started again")
	e.setInstance(i, nil)
	return i
}

func (e *engine) setInstance(i *instance, err error) {
	e.mu.Lock()
	e.instance = i
	e.mu.Unlock()
	if e.mail != nil && i != nil {
		e.mail.connect(i)
	}
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
