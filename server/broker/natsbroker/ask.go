//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	askAgain = 250 * time.Millisecond // the time between two requests for the state of a stream
	askTime  = 5 * time.Second        // the time for an answer to any of them
)

// answered is what a request has returned.
type answered[T any] struct {
	value T
	err   error
}

// ask makes a request for the state of a stream. A request that arrives while the stream has no leader gets no answer, and a slow server answers late: so ask
// makes it again every askAgain, and returns the first answer to any of these requests.
func ask[T any](ctx context.Context, request func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	again := time.NewTicker(askAgain)
	defer again.Stop()
	answers := make(chan answered[T], askTime/askAgain+2) // one for each request, so that none waits
	for {
		go func() {
			value, err := request(ctx)
			answers <- answered[T]{value, err}
		}()
		for more := false; !more; {
			select {
			case a := <-answers:
				if ctx.Err() != nil || !hasNoLeader(a.err) {
					return a.value, a.err
				}
			case <-again.C:
				more = true
			}
		}
	}
}

// hasNoLeader reports whether err is the answer of a server that does not know a leader.
func hasNoLeader(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code == http.StatusServiceUnavailable
}
