package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/token"
)

// guestKeys stores the keys of guest tokens in the data directory, so that a guest is the same user after a restart. A key signs for a day;
// the newest three verify.
type guestKeys struct {
	table broker.Table
	use   func([]token.GuestKey)
	log   *slog.Logger
}

const (
	guestKeyName  = "guest" // in the table of keys
	guestKeyLife  = 24 * time.Hour
	guestKeysKept = 3
	guestKeyRetry = time.Minute // after a failure
)

// storedGuestKeys is the value in the table, in JSON.
type storedGuestKeys struct {
	Version int              `json:"v"`
	Keys    []storedGuestKey `json:"keys"` // the newest first
}

type storedGuestKey struct {
	token.GuestKey
	Made int64 `json:"made"` // Unix seconds
}

const guestKeysVersion = 1

// update reads the keys, adds one if the newest is older than a day, and puts them into use.
func (g *guestKeys) update(ctx context.Context) error {
	for {
		keys, err := g.rotate(ctx)
		if errors.Is(err, broker.ErrConflict) {
			continue // another process has stored keys meanwhile: these count
		}
		if err != nil {
			return err
		}
		g.use(keys)
		return nil
	}
}

// rotate returns the keys of the table, with a new one if the newest is older than a day.
func (g *guestKeys) rotate(ctx context.Context) (keys []token.GuestKey, err error) {
	value, revision, err := readTable(ctx, g.table, guestKeyName)
	if err != nil {
		return nil, err
	}
	stored := storedGuestKeys{Version: guestKeysVersion}
	if value != nil {
		if err := json.Unmarshal(value, &stored); err != nil {
			return nil, fmt.Errorf("stored value: %w", err)
		}
		if stored.Version != guestKeysVersion {
			return nil, fmt.Errorf("stored value: version %d: this throng reads %d", stored.Version, guestKeysVersion)
		}
	}
	now := time.Now()
	if len(stored.Keys) == 0 || now.Sub(time.Unix(stored.Keys[0].Made, 0)) >= guestKeyLife {
		stored.Keys = append([]storedGuestKey{{token.NewGuestKey(), now.Unix()}}, stored.Keys...)
		stored.Keys = stored.Keys[:min(len(stored.Keys), guestKeysKept)]
		if value, err = json.Marshal(stored); err != nil {
			return nil, err
		}
		if _, err := g.table.Put(ctx, guestKeyName, value, &revision, 0); err != nil {
			return nil, err
		}
	}
	for _, k := range stored.Keys {
		keys = append(keys, k.GuestKey)
	}
	return keys, nil
}

// run rotates the keys until ctx ends. The check once an hour also counts the time in which the machine was suspended.
func (g *guestKeys) run(ctx context.Context) {
	wait := time.Hour
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = time.Hour
		if err := g.update(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("the keys of guest tokens were not rotated: those of before stay in use", "error", err)
			wait = guestKeyRetry
		}
	}
}

// readTable returns the value of a key and its revision; nil and 0 if the key has none.
func readTable(ctx context.Context, table broker.Table, key string) (value []byte, revision uint64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	whole := false
	err = table.Watch(ctx, func(k string, v []byte, r uint64, current bool) {
		switch {
		case current:
			whole = true
			cancel()
		case k == key && v != nil:
			value, revision = append([]byte(nil), v...), r
		}
	})
	if whole {
		return value, revision, nil
	}
	return nil, 0, err
}
