//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func (l *openLog) Extent(ctx context.Context) (first, last uint64, err error) {
	state, err := l.state(ctx)
	if err != nil {
		return 0, 0, err
	}
	if state.Msgs == 0 {
		return state.LastSeq + 1, state.LastSeq, nil
	}
	return state.FirstSeq, state.LastSeq, nil
}

// state asks the server for the state of the stream.
func (l *openLog) state(ctx context.Context) (s jetstream.StreamState, err error) {
	err = l.call(ctx, "state of the log", func(ctx context.Context) error {
		info, err := ask(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return l.stream.Info(ctx) })
		if err == nil {
			s = info.State
		}
		return err
	})
	return s, err
}

func (l *openLog) Trim(ctx context.Context, upTo uint64) error {
	state, err := l.state(ctx)
	if err != nil {
		return err
	}
	upTo = min(upTo, state.LastSeq) // the server would skip the numbers behind it
	if upTo == 0 || upTo < state.FirstSeq {
		return nil
	}
	return l.call(ctx, "trim", func(ctx context.Context) error {
		return l.stream.Purge(ctx, jetstream.WithPurgeSequence(upTo+1))
	})
}

// call makes a request that ends with ctx, with the log or with the instance.
func (l *openLog) call(ctx context.Context, what string, f func(context.Context) error) error {
	if err := l.isClosed(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	both, cancel := l.instance.with(ctx)
	defer cancel()
	err := f(both)
	for start := time.Now(); errors.Is(err, nats.ErrNoResponders) && time.Since(start) < leaderPatience; {
		select {
		case <-both.Done():
			return l.instance.explain(ctx, what, both.Err())
		case <-time.After(leaderPoll):
			err = f(both)
		}
	}
	if err != nil && l.isClosed() != nil {
		return l.isClosed()
	}
	return l.instance.explain(ctx, what, err)
}
