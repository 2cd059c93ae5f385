package embedded

import (
	"context"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/metrics"
)

// Subscriptions are those of the program, from Start to Stop. Any goroutine may call Subscribe.
type Subscriptions struct {
	// Constant.
	hub      *chat.Hub
	metrics  *metrics.Metrics
	draining chan struct{} // closed when nothing more is published
	cut      context.Context
	end      context.CancelFunc

	mu      sync.Mutex // a leaf
	serving bool
	running sync.WaitGroup // Add is called under mu
}

// New returns Subscriptions to the rooms of a hub.
func New(hub *chat.Hub, m *metrics.Metrics) *Subscriptions {
	subs := &Subscriptions{hub: hub, metrics: m, draining: make(chan struct{})}
	subs.cut, subs.end = context.WithCancel(context.Background())
	return subs
}

// Subscribe subscribes to a room, whose name is valid, until ctx ends.
func (subs *Subscriptions) Subscribe(ctx context.Context, room string, o Options, do func(Publication) error) (*Subscription, error) {
	if !subs.add() {
		return nil, ErrNotRunning
	}
	var since *chat.StreamPosition
	if o.Since != nil {
		since = &chat.StreamPosition{Offset: o.Since.Offset, Epoch: o.Since.Epoch}
	}
	listener, at := subs.hub.Listen(room, queueOf(o.QueueBytes), since)
	return subs.begin(ctx, &roomSource{hub: subs.hub, listener: listener, do: do, onGap: o.OnGap}, Position{at.Offset, at.Epoch}), nil
}

// Watch calls do with what clients do, until ctx ends.
func (subs *Subscriptions) Watch(ctx context.Context, o WatchOptions, do func(Activity) error) (*Subscription, error) {
	if !subs.add() {
		return nil, ErrNotRunning
	}
	if o.Kinds == 0 {
		o.Kinds = Connected | Disconnected | Joined | Left
	}
	feed := subs.hub.Watchers.Watch(o.Kinds, queueOf(o.QueueBytes))
	return subs.begin(ctx, &feedSource[chat.Activity]{
		feed: feed,
		end:  func() { subs.hub.Watchers.Close(feed) },
		do:   func(a *chat.Activity) error { return do(activityOf(a)) },
		onLoss: func(lost chat.Loss) error {
			if o.OnLost == nil {
				return &LostError{lost.Number}
			}
			o.OnLost(lost.Number)
			return nil
		},
	}, Position{}), nil
}

// queueOf returns the bytes of a queue in package chat: half of those of the subscription. The other half is with the function.
func queueOf(bytes int) int {
	if bytes <= 0 {
		bytes = DefaultQueue
	}
	return bytes / 2
}

// begin begins a subscription that add has counted.
func (subs *Subscriptions) begin(ctx context.Context, from source, at Position) *Subscription {
	sub := &Subscription{of: subs, from: from, ending: make(chan struct{}), done: make(chan struct{}), at: at}
	go func() {
		defer subs.running.Done()
		sub.run(ctx)
	}()
	return sub
}

// add counts a subscription that begins, and returns false if the server does not run.
func (subs *Subscriptions) add() bool {
	subs.mu.Lock()
	defer subs.mu.Unlock()
	if subs.serving {
		subs.running.Add(1)
	}
	return subs.serving
}

func (subs *Subscriptions) serve(on bool) {
	subs.mu.Lock()
	defer subs.mu.Unlock()
	subs.serving = on
}

// Start allows subscriptions: the rooms have their histories.
func (subs *Subscriptions) Start() { subs.serve(true) }

// Stop ends the subscriptions, after nothing more is published. Each first receives what its queue has, within a time. A call of the program that takes longer
// goes on after Stop.
func (subs *Subscriptions) Stop(within time.Duration) {
	subs.serve(false)
	close(subs.draining)
	ended := make(chan struct{})
	go func() {
		subs.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(within):
	}
	subs.end()
}
