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
	senders       = 8        // notifications sent at a time
	maxQueue      = 1 << 15  // queued notifications: all clients of a process may disconnect at once
	maxQueueBytes = 16 << 20 // bytes of the queued notifications
	maxAttempts   = 12       // per notification

	// The pauses between the attempts double, and vary at random by up to half. Together they last about 105 s.
	firstPause   = 500 * time.Millisecond
	longestPause = 15 * time.Second
)

// sender holds the notifications until they are delivered or dropped. Any goroutine may use it.
type sender struct {
	queue       chan notification
	noPause     chan struct{} // closed by Flush: no pauses from then on
	noPauseOnce sync.Once
	ended       atomic.Bool

	pending  atomic.Int64 // queued, neither delivered nor dropped
	bytes    atomic.Int64 // of the pending notifications
	dropped  atomic.Uint64
	logLimit rate.Sometimes // log lines about dropped notifications
}

// notification is an encoded event.
type notification struct {
	event, id string
	request   *Request
	body      []byte
}

func newSender() sender {
	return sender{
		queue:    make(chan notification, maxQueue),
		noPause:  make(chan struct{}),
		logLimit: rate.Sometimes{Interval: time.Second},
	}
}

// Notify queues an event notification. It is delivered at least once, in any order, or dropped and counted: if the queue is full, at the 12th
// failed attempt, or if the application rejects it. Notify does not block. Any goroutine may call it.
func (c *Client) Notify(r *Request) {
	body, err := r.encode()
	if err != nil {
		c.drop(r.Event, err.Error())
		return
	}
	c.pending.Add(1)
	if c.bytes.Add(int64(len(body))) > maxQueueBytes || c.ended.Load() {
		c.release(body)
		c.drop(r.Event, "event queue is full (32,768 events or 16 MiB)")
		return
	}
	select {
	case c.queue <- notification{r.Event, newID(), r, body}:
	default:
		c.release(body)
		c.drop(r.Event, "event queue is full (32,768 events or 16 MiB)")
	}
}

// Waiting returns the number of queued notifications.
func (c *Client) Waiting() int { return int(c.pending.Load()) }

// Dropped returns the number of notifications that were not delivered.
func (c *Client) Dropped() uint64 { return c.dropped.Load() }

func (c *Client) drop(event, why string) {
	c.dropped.Add(1)
	c.logLimit.Do(func() {
		c.log.Warn("event notification dropped; logged at most once per second", "event", event, "error", why)
	})
}

func (c *Client) release(body []byte) {
	c.bytes.Add(int64(-len(body)))
	c.pending.Add(-1)
}

// Run delivers notifications until ctx is done, and returns after its goroutines have ended. It drops the rest of the queue.
func (c *Client) Run(ctx context.Context) {
	var all sync.WaitGroup
	for range senders {
		all.Go(func() { c.deliverAll(ctx) })
	}
	all.Wait()
	c.ended.Store(true)
	for {
		select {
		case t := <-c.queue:
			c.release(t.body)
			c.drop(t.event, "throng stops")
		default:
			c.target.Load().close()
			return
		}
	}
}

// Flush waits until the queue is empty or ctx is done. From its call on, each notification has one more attempt, without a pause.
func (c *Client) Flush(ctx context.Context) {
	c.noPauseOnce.Do(func() { close(c.noPause) })
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
			c.release(t.body)
		case <-ctx.Done():
			return
		}
	}
}

// deliver sends one notification, with repetitions until it is delivered or dropped.
func (c *Client) deliver(ctx context.Context, t notification) {
	pauses := newPauses()
	for attempt := 1; ; attempt++ {
		last := c.flushing()
		f := c.send(ctx, t)
		if f == nil {
			return
		}
		if f.final || attempt == maxAttempts || last || ctx.Err() != nil {
			c.drop(t.event, f.Error())
			return
		}
		pause := time.NewTimer(pauses.NextBackOff())
		select {
		case <-pause.C:
		case <-c.noPause:
		case <-ctx.Done():
		}
		pause.Stop()
	}
}

// newPauses returns the pauses between the attempts of one notification.
func newPauses() backoff.ExponentialBackOff {
	return backoff.ExponentialBackOff{
		InitialInterval: firstPause, MaxInterval: longestPause, Multiplier: 2, RandomizationFactor: 0.5,
	}
}

func (c *Client) flushing() bool {
	select {
	case <-c.noPause:
		return true
	default:
		return false
	}
}

// attempt sends a notification to the handler, or by HTTP.
func (c *Client) attempt(ctx context.Context, t notification) (f *failure) {
	if h := c.target.Load().config.Handler; h != nil {
		_, f = h.call(ctx, t.request)
		return f
	}
	_, f = c.post(ctx, t.event, t.id, t.body)
	return f
}

// send makes one attempt. Every reply with status 200 to 299 counts as delivered, whatever its body.
func (c *Client) send(ctx context.Context, t notification) *failure {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout())
	defer cancel()
	ctx, at := c.begin(ctx, t.event, t.id)
	f := c.attempt(ctx, t)
	if f != nil && f.result == BadReply {
		f = nil // delivered: the body does not matter
	}
	result := OK
	if f != nil {
		result = f.result
	}
	at.end(result)
	return f
}
