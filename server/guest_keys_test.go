package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"testing/synctest"
	"time"

	"github.com/throng-chat/throng/server/token"
)

// A key signs for a day, and the newest three verify.
func TestGuestKeysRotateDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		table, err := fake.Start("a").Table(t.Context(), broker.KeyTable)
		if err != nil {
			t.Fatal(err)
		}
		var inUse atomic.Pointer[[]token.GuestKey]
		use := func(k []token.GuestKey) { inUse.Store(&k) }
		keys := guestKeys{table: table, use: use, log: slog.New(slog.DiscardHandler)}
		ids := func() (ids []string) {
			for _, k := range *inUse.Load() {
				ids = append(ids, k.ID)
			}
			return ids
		}
		if err := keys.update(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { keys.run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		all := ids()
		if len(all) != 1 {
			t.Fatalf("got %d keys at the first start, want 1", len(all))
		}
		time.Sleep(23*time.Hour + 30*time.Minute)
		synctest.Wait()
		if got := ids(); !slices.Equal(got, all) {
			t.Errorf("got keys %v within a day, want %v", got, all)
		}
		for range 4 {
			time.Sleep(guestKeyLife)
			synctest.Wait()
			got := ids()
			if want := append([]string{got[0]}, all[:min(len(all), 2)]...); !slices.Equal(got, want) || slices.Contains(all, got[0]) {
				t.Errorf("got keys %v a day after %v", got, all)
			}
			all = got
		}

		// Another process that starts finds the same keys.
		other := guestKeys{table: table, use: use, log: keys.log}
		if err := other.update(t.Context()); err != nil || !slices.Equal(ids(), all) {
			t.Errorf("got keys %v, error %v; want %v", ids(), err, all)
		}
	})
}

// A clock that was ahead does not end the rotation.
func TestAGuestKeyOfTheFutureIsReplaced(t *testing.T) {
	t.Parallel()
	table, err := newFake(t).Start("a").Table(t.Context(), broker.KeyTable)
	if err != nil {
		t.Fatal(err)
	}
	var inUse []token.GuestKey
	keys := guestKeys{table: table, use: func(k []token.GuestKey) { inUse = k }, log: slog.New(slog.DiscardHandler)}
	for _, c := range []struct {
		ahead time.Duration
		keys  int
	}{{time.Hour, 1}, {10 * guestKeyLife, 2}} { // the clock of another node may be ahead by less
		value, err := json.Marshal(storedGuestKeys{guestKeysVersion, []storedGuestKey{{token.NewGuestKey(), time.Now().Add(c.ahead).Unix()}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Put(t.Context(), guestKeyName, value, nil, 0); err != nil {
			t.Fatal(err)
		}
		if err := keys.update(t.Context()); err != nil || len(inUse) != c.keys {
			t.Errorf("%v ahead: got %d keys, %v; want %d", c.ahead, len(inUse), err, c.keys)
		}
	}
}

// A start fails on a stored key that it cannot use, so an import must find it.
func TestStoredKeysThatTheServerCannotUseAreNamed(t *testing.T) {
	t.Parallel()
	good, err := json.Marshal(storedGuestKeys{guestKeysVersion, []storedGuestKey{{token.NewGuestKey(), 5}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ key, value, want string }{
		{guestKeyName, string(good), ""},
		{guestKeyName, `{"v":1,"keys":[]}`, ""},
		{guestKeyName, `"rubbish"`, "cannot unmarshal"},
		{guestKeyName, `{"v":2}`, "version 2: this throng reads version 1"},
		{guestKeyName, `{"v":1,"keys":[{"id":"a"}]}`, "key 0: the id has 1 bytes, and the secret has 0"},
		{guestKeyName, strings.Replace(string(good), `"id":"`, `"id":"","x":"`, 1), "key 0: the id has 0 bytes"},
		{webPushKeyName, "rubbish", "want a private key"},
		{"other", "x", `key "other": must be guest or web-push`},
	} {
		if err := CheckStoredKey(c.key, []byte(c.value)); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %s: got %v, want %q", c.key, c.value, err, c.want)
		}
	}
}
