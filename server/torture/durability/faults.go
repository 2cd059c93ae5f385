package durability

import (
	"context"
	"time"
)

// Kill returns a fault that ends the server with SIGKILL after a random time of load of at most load. In one of eight rounds it also kills the
// next server while it starts.
func Kill(load time.Duration) Fault {
	return func(ctx context.Context, rd *Round) error {
		if !rd.wait(ctx, load) {
			return ctx.Err()
		}
		if err := rd.run.killServer(); err != nil || rd.Random.IntN(8) > 0 {
			return err
		}
		starting, err := rd.run.newServer()
		if err != nil {
			return err
		}
		rd.wait(ctx, 300*time.Millisecond)
		return starting.kill()
	}
}

// Stop returns a fault that stops the server gracefully after a random time of load of at most load.
func Stop(load time.Duration) Fault {
	return func(ctx context.Context, rd *Round) error {
		if !rd.wait(ctx, load) {
			return ctx.Err()
		}
		server := rd.run.server
		rd.run.server = nil
		return server.stop(stopTime)
	}
}

// wait waits for a random time of at most most. It returns false when ctx has ended.
func (rd *Round) wait(ctx context.Context, most time.Duration) bool {
	return rd.sleep(ctx, time.Duration(rd.Random.Int64N(int64(most))))
}

// sleep waits for a time. It returns false when ctx has ended.
func (rd *Round) sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
