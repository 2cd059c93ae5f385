package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Options are those of a subscription.
type Options struct {
	// Since makes the subscription begin behind a position, with the publications that the history has. nil: with the next publication.
	Since *Position

	// QueueBytes is the memory of publications that wait for the function, or are with it; 0 for DefaultQueue. A larger publication is received
	// alone.
	QueueBytes int

	// OnGap is called if publications are lost, in order with the others and on the same goroutine. nil: a gap ends the subscription with a *GapError.
	OnGap func(Gap)
}

// DefaultQueue is the memory of a subscription without QueueBytes.
const DefaultQueue = 1 << 20

// Errors of subscriptions.
var (
	ErrClosed     = errors.New("the program closed the subscription")
	ErrNotRunning = errors.New("the server does not run: subscribe after Ready, and before Run ends")
)

// Subscription is a subscription of the program, to a room or to what clients do. Any goroutine may call its methods.
type Subscription struct {
	// Constant.
	of     *Subscriptions
	from   source        // owned by run
	ending chan struct{} // closed by the first call of end
	done   chan struct{} // closed at the end of run

	mu  sync.Mutex // a leaf
	err error      // nil until the end
	at  Position
}

// Close ends the subscription. A call of the function that is in progress goes on: wait for Done.
func (sub *Subscription) Close() { sub.end(ErrClosed) }

// Done is closed when the subscription has ended: the function is not called any more.
func (sub *Subscription) Done() <-chan struct{} { return sub.done }

// Err returns why the subscription has ended, or is about to; nil before.
func (sub *Subscription) Err() error {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.err
}

// Position returns the position of the last publication in its room for which the function returned nil; before one, that of the start. Store it to continue
// after a restart, with Options.Since. A subscription to a pattern has none: each of its publications has that of its room.
func (sub *Subscription) Position() Position {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.at
}

// reached notes the position behind which the subscription continues.
func (sub *Subscription) reached(at Position) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.at = at
}

// end ends the subscription; only the first call has an effect.
func (sub *Subscription) end(err error) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.err == nil {
		sub.err = err
		close(sub.ending)
	}
}

func (sub *Subscription) ended() bool {
	select {
	case <-sub.ending:
		return true
	default:
		return false
	}
}

// run calls the function with each publication until the subscription ends.
func (sub *Subscription) run(ctx context.Context) {
	defer close(sub.done)
	defer context.AfterFunc(ctx, func() { sub.end(context.Cause(ctx)) })()
	defer context.AfterFunc(sub.of.cut, func() { sub.end(ErrNotRunning) })()
	defer sub.from.leave()
	for !sub.ended() {
		if !sub.from.take(sub) {
			sub.wait()
		}
	}
}

// wait waits until there is something to take. When nothing more happens, it ends the subscription that has received everything.
func (sub *Subscription) wait() {
	select {
	case <-sub.from.ready():
	case <-sub.ending:
	case <-sub.of.draining:
		select {
		case <-sub.from.ready():
		default:
			sub.end(ErrNotRunning)
		}
	}
}

// call calls a function of the program. An error or a panic ends the subscription, and call returns false.
func (sub *Subscription) call(do func() error) (ok bool) {
	defer func() {
		if e := recover(); e != nil {
			sub.of.metrics.Panics.Inc()
			sub.end(fmt.Errorf("panic in a function of a subscription: %v", e))
		}
	}()
	if err := do(); err != nil {
		sub.end(err)
		return false
	}
	return true
}
