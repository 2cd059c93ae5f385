//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// leaderLook is the time between two looks for a new leader.
const leaderLook = 10 * time.Millisecond

// StepDown makes other nodes the leaders of the logs that this one leads, and waits until they are, or until ctx ends. Call it before Close, when nothing
// is appended: after the end of a leader, appends wait for an election, which takes 4 to 9 s. It does nothing on one node.
func (e *engine) StepDown(ctx context.Context) error {
	i, err := e.running(ctx)
	if err != nil || i.options.Join == nil {
		return err
	}
	e.mu.Lock()
	var streams []string
	for name := range e.opened {
		streams = append(streams, name)
	}
	e.mu.Unlock()
	results := make(chan error, len(streams))
	for _, stream := range streams { // together: publications wait until the last one has a leader
		go func() {
			if i.server.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
				results <- i.explain(ctx, "step down as the leader of "+stream, i.stepDown(ctx, stream))
				return
			}
			results <- nil
		}()
	}
	var failed error
	for range streams {
		failed = errors.Join(failed, <-results)
	}
	return failed
}

// stepDown makes another node the leader of a stream.
func (i *instance) stepDown(ctx context.Context, stream string) error {
	if _, err := i.conn.RequestWithContext(ctx, "$JS.API.STREAM.LEADER.STEPDOWN."+stream, nil); err != nil {
		return err
	}
	for {
		look, cancel := context.WithTimeout(ctx, 20*leaderLook)
		s, err := i.js.Stream(look, stream)
		cancel()
		if err == nil {
			if c := s.CachedInfo().Cluster; c != nil && c.Leader != "" && c.Leader != i.options.Join.Node {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(leaderLook):
		}
	}
}
