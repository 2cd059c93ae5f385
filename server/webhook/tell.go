package webhook

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"
)

const (
	tellers       = 8        // requests under way of those that are told
	maxQueue      = 1 << 15  // events that wait to be told: all whom one process holds may go at once
	maxQueueBytes = 16 << 20 // and their bytes
	maxAttempts   = 12       // of one event

	// The pauses between attempts, each longer or shorter by up to half of it, at random. They are about 105 s in all.
	firstPause   = 500 * time.Millisecond
	longestPause = 15 * time.Second
)

// teller holds what is told until it is delivered.
type teller struct {
	queue   chan told
	hurry   chan struct{} // closed when nothing is waited for any more
	hurried sync.Once
	ended   atomic.Bool

	pending atomic.Int64 // told, and neither delivered nor dropped
	bytes   atomic.Int64 // of those
	dropped atomic.Uint64
	say     rate.Sometimes // that some are dropped
}

// told is an event on its way.
type told struct {
	event, id string
	body      []byte
}

func newTeller() teller {
	return teller{
		queue: make(chan told, maxQueue),
		hurry: make(chan struct{}),
		say:   rate.Sometimes{Interval: time.Second},
	}
}

// Tell queues an event to be told, at least once, and in no order. It does not block: where too much waits the event is
// dropped, and counted.
func (c *Client) Tell(r *Request) {
	body, err := r.encode()
	if err != nil {
		c.drop(r.Event, err.Error())
		return
	}
	c.pending.Add(1)
	if c.bytes.Add(int64(len(body))) > maxQueueBytes || c.ended.Load() {
		c.settle(body)
		c.drop(r.Event, "too much waits to be told")
		return
	}
	select {
	case c.queue <- told{r.Event, newID(), body}:
	default:
		c.settle(body)
		c.drop(r.Event, "too much waits to be told")
	}
}

// Waiting is how many events are told and not delivered.
func (c *Client) Waiting() int { return int(c.pending.Load()) }

// Dropped is how many events were told in vain.
func (c *Client) Dropped() uint64 { return c.dropped.Load() }

func (c *Client) drop(event, why string) {
	c.dropped.Add(1)
	c.say.Do(func() {
		c.log.Warn("webhook dropped; others may follow unnamed", "event", event, "error", why)
	})
}

func (c *Client) settle(body []byte) {
	c.bytes.Add(int64(-len(body)))
	c.pending.Add(-1)
}

// Run delivers what is told until ctx is done, and ends with all that it started. What is not delivered then is dropped.
func (c *Client) Run(ctx context.Context) {
	var all sync.WaitGroup
	for range tellers {
		all.Go(func() { c.deliverAll(ctx) })
	}
	all.Wait()
	c.ended.Store(true)
	for {
		select {
		case t := <-c.queue:
			c.settle(t.body)
			c.drop(t.event, "throng stops")
		default:
			c.http.CloseIdleConnections()
			return
		}
	}
}

// Flush waits until nothing is left to be told, or ctx is done. From now on each event has one attempt more, at once.
func (c *Client) Flush(ctx context.Context) {
	c.hurried.Do(func() { close(c.hurry) })
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for c.pending.Load() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (c *Client) deliverAll(ctx context.Context) {
	for {
		select {
		case t := <-c.queue:
			c.deliver(ctx, t)
			c.settle(t.body)
		case <-ctx.Done():
			return
		}
	}
}

// deliver tells one event, and tries again while there is hope.
func (c *Client) deliver(ctx context.Context, t told) {
	pauses := newPauses()
	for attempt := 1; ; attempt++ {
		hurried := c.hurrying()
		f := c.tell(ctx, t)
		if f == nil {
			return
		}
		if f.final || attempt == maxAttempts || hurried || ctx.Err() != nil {
			c.drop(t.event, f.Error())
			return
		}
		pause := time.NewTimer(pauses.NextBackOff())
		select {
		case <-pause.C:
		case <-c.hurry:
		case <-ctx.Done():
		}
		pause.Stop()
	}
}

// newPauses returns the pauses between the attempts of one event.
func newPauses() backoff.ExponentialBackOff {
	return backoff.ExponentialBackOff{
		InitialInterval: firstPause, MaxInterval: longestPause, Multiplier: 2, RandomizationFactor: 0.5,
	}
}

func (c *Client) hurrying() bool {
	select {
	case <-c.hurry:
		return true
	default:
		return false
	}
}

// tell is one attempt. Nothing is wanted of the answer but that it is one.
func (c *Client) tell(ctx context.Context, t told) *failure {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	started := c.now()
	_, f := c.post(ctx, t.event, t.id, t.body)
	if f != nil && f.result == BadAnswer {
		f = nil // it heard
	}
	result := OK
	if f != nil {
		result = f.result
	}
	c.observe(t.event, result, c.now().Sub(started))
	return f
}
