package server

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-chat/throng/server/token"
)

// A key signs for a day, and the newest three verify.
func TestGuestKeysRotateDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		table, err := fake.Start("a").Table(t.Context(), keyTable)
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
