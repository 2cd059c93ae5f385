package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// The state that the server reads from the data directory before it serves.

// loadState reads what the data directory has: the log of the durable rooms, the sanctions and the keys of guest tokens. owners get the
// goroutines that keep them up to date until running ends. It returns nil if ctx ends first.
func loadState(ctx, running context.Context, owners *sync.WaitGroup, from broker.Engine, to *session.Sessions, st *starting) error {
	if from == nil {
		return nil
	}
	st.at(stepRooms)
	open := func() error {
		if logs, err := from.Logs(ctx, 1); err != nil || logs > 1 {
			return cmp.Or(err, fmt.Errorf("the data are those of a cluster with %d logs: start this server as a node, with cluster and node", logs))
		}
		return to.Durable("").Start(ctx)
	}
	if st.node != nil {
		open = func() error { return st.node.Start(ctx) }
	}
	if err := untilAvailable(ctx, to.Log, open); err != nil {
		return ended(ctx, fmt.Errorf("durable rooms: %w", err))
	}
	st.at(stepSanctions)
	var table broker.Table
	err := untilAvailable(ctx, to.Log, func() (err error) {
		table, err = from.Table(ctx, broker.SanctionTable)
		return err
	})
	if err != nil {
		return ended(ctx, fmt.Errorf("sanctions: %w", err))
	}
	loadSanctions(ctx, running, owners, table, to.Sanctions)
	st.at(stepKeys)
	rotation := guestKeys{use: to.Tokens.SetGuestKeys, log: to.Log}
	err = untilAvailable(ctx, to.Log, func() (err error) {
		if rotation.table, err = from.Table(ctx, broker.KeyTable); err != nil {
			return err
		}
		return rotation.update(ctx)
	})
	if errors.Is(err, broker.ErrFull) && rotation.table != nil {
		to.Log.Warn("no new key of guest tokens is stored until the disk has space", "error", err)
		err = nil
	}
	if err != nil {
		return ended(ctx, fmt.Errorf("keys of guest tokens: %w", err))
	}
	owners.Go(func() { rotation.run(running) })
	return nil
}

const (
	startPatience = 30 * time.Second // for the storage engine to work, which starts again by itself after a failure
	startUsual    = 10 * time.Second // of it: the storage of a new cluster elects leaders
	startRetry    = 250 * time.Millisecond
)

// untilAvailable repeats what fails because the storage engine is not available, for startPatience.
func untilAvailable(ctx context.Context, log *slog.Logger, what func() error) error {
	for start := time.Now(); ; {
		err := what()
		since := time.Since(start)
		if !errors.Is(err, broker.ErrUnavailable) || since > startPatience {
			return err
		}
		if since >= startUsual {
			log.Warn("the storage engine is not available: the start continues when it is", "error", err, "waits_at_most", startPatience.String())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(startRetry):
		}
	}
}

// loadSanctions puts the stored sanctions into effect. It returns early if ctx ends.
func loadSanctions(ctx, running context.Context, owners *sync.WaitGroup, from broker.Table, to *chat.Sanctions) {
	to.UseTable(from)
	loaded := make(chan struct{})
	owners.Go(func() { to.Run(running, func() { close(loaded) }) })
	select {
	case <-loaded:
	case <-ctx.Done():
	}
}

// ended is nil if ctx is over: the server was stopped during its start. Otherwise it is err.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
