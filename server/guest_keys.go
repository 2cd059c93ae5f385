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
	"github.com/throng-chat/throng/server/webpush"
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
	guestKeyLook  = time.Minute // between two readings: another node of a cluster may have added a key
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

// update reads the keys, adds one if the newest is older than a day, or of a clock that was a day ahead, and puts them into use. On a full disk the stored ones stay in use.
func (g *guestKeys) update(ctx context.Context) error {
	for {
		keys, err := g.rotate(ctx)
		if errors.Is(err, broker.ErrConflict) {
			continue // another process has stored keys meanwhile: these count
		}
		if len(keys) > 0 {
			g.use(keys)
		}
		return err
	}
}

// rotate returns the keys of the table, with a new one if the newest is older than a day. If the new one cannot be stored, it returns the others
// with the error.
func (g *guestKeys) rotate(ctx context.Context) (keys []token.GuestKey, err error) {
	value, revision, err := readTable(ctx, g.table, guestKeyName)
	if err != nil {
		return nil, err
	}
	stored := storedGuestKeys{Version: guestKeysVersion}
	if value != nil {
		if stored, err = decodeGuestKeys(value); err != nil {
			return nil, fmt.Errorf("stored value: %w", err)
		}
	}
	now := time.Now()
	if len(stored.Keys) == 0 || now.Sub(time.Unix(stored.Keys[0].Made, 0)).Abs() >= guestKeyLife {
		stored.Keys = append([]storedGuestKey{{token.NewGuestKey(), now.Unix()}}, stored.Keys...)
		stored.Keys = stored.Keys[:min(len(stored.Keys), guestKeysKept)]
		if value, err = json.Marshal(stored); err != nil {
			return nil, err
		}
		if _, err = g.table.Put(ctx, guestKeyName, value, &revision, 0); err != nil {
			stored.Keys = stored.Keys[1:]
		}
	}
	for _, k := range stored.Keys {
		keys = append(keys, k.GuestKey)
	}
	return keys, err
}

// decodeGuestKeys reads a value of the table.
func decodeGuestKeys(value []byte) (stored storedGuestKeys, err error) {
	if err := json.Unmarshal(value, &stored); err != nil {
		return stored, err
	}
	if stored.Version != guestKeysVersion {
		return stored, fmt.Errorf("version %d: this throng reads version %d: start the newer throng that wrote it", stored.Version, guestKeysVersion)
	}
	for i, k := range stored.Keys {
		if err := k.Check(); err != nil {
			return stored, fmt.Errorf("key %d: %w", i, err)
		}
	}
	return stored, nil
}

// CheckStoredKey returns why the server could not use a value of the table of keys.
func CheckStoredKey(key string, value []byte) error {
	switch key {
	case guestKeyName:
		_, err := decodeGuestKeys(value)
		return err
	case webPushKeyName:
		_, err := webpush.ParseKeys(string(value))
		return err
	}
	return fmt.Errorf("key %q: must be %s or %s", key, guestKeyName, webPushKeyName)
}

// run rotates the keys until ctx ends. The check once an hour also counts the time in which the machine was suspended.
func (g *guestKeys) run(ctx context.Context) {
	wait := guestKeyLook
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = guestKeyLook
		if err := g.update(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("the keys of guest tokens were not rotated: those of before stay in use", "error", err)
			wait = guestKeyRetry
		}
	}
}

// readTable returns the value of a key and its revision; nil and 0 if the key has none.
func readTable(ctx context.Context, table broker.Table, key string) (value []byte, revision uint64, err error) {
	err = broker.Entries(ctx, table, func(k string, v []byte, r uint64) {
		if k == key {
			value, revision = append([]byte(nil), v...), r
		}
	})
	return value, revision, err
}
