package server

import (
	"context"
	"fmt"
	"sync"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// The state that the server reads from the data directory before it serves.

// Names of tables in the data directory.
const (
	sanctionTable = "sanctions"
	keyTable      = "keys"
)

// loadState reads what the data directory has: the log of the durable rooms, the sanctions and the keys of guest tokens. owners get the
// goroutines that keep them up to date until running ends. It returns nil if ctx ends first.
func loadState(ctx, running context.Context, owners *sync.WaitGroup, from broker.Engine, to *session.Sessions) error {
	if from == nil {
		return nil
	}
	if err := openDurable(ctx, to.Durable); err != nil || ctx.Err() != nil {
		return err
	}
	if err := loadSanctions(ctx, running, owners, from, to.Sanctions); err != nil || ctx.Err() != nil {
		return ended(ctx, err)
	}
	keys, err := from.Table(ctx, keyTable)
	if err != nil {
		return ended(ctx, fmt.Errorf("keys of guest tokens: %w", err))
	}
	rotation := guestKeys{table: keys, use: to.Tokens.SetGuestKeys, log: to.Log}
	if err := rotation.update(ctx); err != nil {
		return ended(ctx, err)
	}
	owners.Go(func() { rotation.run(running) })
	return nil
}

// loadSanctions puts the stored sanctions into effect.
func loadSanctions(ctx, running context.Context, owners *sync.WaitGroup, from broker.Engine, to *chat.Sanctions) error {
	table, err := from.Table(ctx, sanctionTable)
	if err != nil {
		return fmt.Errorf("sanctions: %w", err)
	}
	to.UseTable(table)
	loaded := make(chan struct{})
	owners.Go(func() { to.Run(running, func() { close(loaded) }) })
	select {
	case <-loaded:
	case <-ctx.Done():
	}
	return nil
}

// ended is nil if ctx is over: the server was stopped during its start. Otherwise it is err.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
