package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
)

// withTable returns sanctions with a table, which run until the test ends.
func withTable(t *testing.T, table broker.Table) *Sanctions {
	t.Helper()
	sa := newSanctions(newModeration(), slog.New(slog.DiscardHandler))
	sa.UseTable(table)
	ctx, stop := context.WithCancel(context.Background())
	loaded, ended := make(chan struct{}), make(chan struct{})
	go func() { sa.Run(ctx, func() { close(loaded) }); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	<-loaded
	return sa
}

func newTable(t *testing.T) broker.Table {
	t.Helper()
	fake := brokertest.New(brokertest.Options{Auto: true})
	t.Cleanup(fake.End)
	table, err := fake.Start("a").Table(t.Context(), "sanctions")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Two processes with one table agree, however their changes interleave.
func TestSanctionsOfOneTableAreEqual(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	a, b := withTable(t, table), withTable(t, table)
	var all sync.WaitGroup
	for i, sa := range []*Sanctions{a, b} {
		for n := range 20 {
			all.Go(func() {
				s := Sanction{Kind: SanctionBan, User: fmt.Sprint("u", n%3), Room: "r", Until: time.Now().Add(time.Duration(1+i*20+n) * time.Hour)}
				how := sa.Impose
				if n%4 == 3 {
					how = sa.Lift
				}
				if err := how(t.Context(), s); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	last := Sanction{Kind: SanctionMute, User: "last"}
	for _, sa := range []*Sanctions{a, b} { // each has then applied all changes of before
		if err := sa.Impose(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		key := SanctionKey{fmt.Sprint("u", n), "r"}
		x, isX := a.moderation.Bans[key]
		y, isY := b.moderation.Bans[key]
		if !x.Until.Equal(y.Until) || isX != isY {
			t.Errorf("ban of %v: until %v (%t) and %v (%t)", key, x.Until, isX, y.Until, isY)
		}
	}
}

// The places of sanctions that are being stored count.
func TestStoredSanctionsAreBounded(t *testing.T) {
	t.Parallel()
	sa := withTable(t, newTable(t))
	sa.moderation.Mu.Lock()
	for i := range MaxSanctions - 1 {
		sa.moderation.Bans[SanctionKey{fmt.Sprint(i), "x"}] = Term{}
	}
	sa.moderation.Mu.Unlock()
	release, err := sa.moderation.reserve(Sanction{Kind: SanctionMute, User: "first"})
	if err != nil {
		t.Fatal("no place for the last sanction: ", err)
	}
	if err := sa.Impose(t.Context(), Sanction{Kind: SanctionMute, User: "second"}); !errors.Is(err, ErrSanctions) {
		t.Errorf("got error %v for one too many, want ErrSanctions", err)
	}
	if err := sa.Impose(t.Context(), Sanction{Kind: SanctionBan, User: "7", Room: "x"}); err != nil {
		t.Errorf("an active sanction cannot be changed: %v", err)
	}
	release()
	if err := sa.Impose(t.Context(), Sanction{Kind: SanctionMute, User: "second"}); err != nil {
		t.Error(err)
	}
}

// watches is a table whose watches the test ends.
type watches struct {
	broker.Table
	mu  sync.Mutex
	end context.CancelFunc
}

func (w *watches) Watch(ctx context.Context, f func(string, []byte, uint64, bool)) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	w.mu.Lock()
	w.end = end
	w.mu.Unlock()
	return w.Table.Watch(ctx, f)
}

// While no watch runs, a sanction ends and another begins.
func TestAWatchThatBeginsAgainEndsWhatIsGone(t *testing.T) {
	t.Parallel()
	w := &watches{Table: newTable(t)}
	sa := withTable(t, w)
	gone, stays := Sanction{Kind: SanctionBan, User: "gone"}, Sanction{Kind: SanctionBan, User: "stays"}
	for _, s := range []Sanction{gone, stays} {
		if err := sa.Impose(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	w.mu.Lock()
	w.end()
	w.mu.Unlock()
	if err := sa.Lift(t.Context(), gone); err != nil { // it waits for the next watch
		t.Fatal(err)
	}
	if sa.moderation.Denies("gone", ToSubscribe, "r") || !sa.moderation.Denies("stays", ToSubscribe, "r") {
		t.Errorf("got bans %v, want that of %q only", sa.moderation.Bans, "stays")
	}
}

// A value that cannot be read is counted, and the others are in effect.
func TestUnreadableSanctionsAreCounted(t *testing.T) {
	t.Parallel()
	table := newTable(t)
	for key, value := range map[string]string{
		"ban-a": `{"v":1,"kind":"ban","user":"ann"}`, "ban-b": `{"v":2,"kind":"ban","user":"bob"}`, "ban-c": `{"v":1,"kind":"curse"}`, "ban-d": "{",
	} {
		if _, err := table.Put(t.Context(), key, []byte(value), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	sa := withTable(t, table)
	if got := sa.Unreadable(); got != 3 || !sa.moderation.Denies("ann", ToSubscribe, "r") || sa.moderation.Denies("bob", ToSubscribe, "r") {
		t.Errorf("got %d unreadable sanctions and bans %v, want 3 and that of ann", got, sa.moderation.Bans)
	}
}

// The time of a sanction ends it, also in the table.
func TestAStoredSanctionEnds(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Auto: true})
	t.Cleanup(fake.End)
	table, err := fake.Start("a").Table(t.Context(), "sanctions")
	if err != nil {
		t.Fatal(err)
	}
	sa := withTable(t, table)
	if err := sa.Impose(t.Context(), Sanction{Kind: SanctionBan, User: "ann", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	fake.Advance(2 * time.Hour)
	if err := sa.Impose(t.Context(), Sanction{Kind: SanctionMute, User: "bob"}); err != nil { // the end is reported before it
		t.Fatal(err)
	}
	sa.moderation.Mu.RLock()
	defer sa.moderation.Mu.RUnlock()
	if len(sa.moderation.Bans) != 0 {
		t.Errorf("got bans %v after their end, want none", sa.moderation.Bans)
	}
}

// unwatched is a table that cannot be watched a number of times.
type unwatched struct {
	broker.Table
	times int
}

func (un *unwatched) Watch(ctx context.Context, f func(string, []byte, uint64, bool)) error {
	if un.times--; un.times >= 0 {
		return broker.ErrUnavailable
	}
	return un.Table.Watch(ctx, f)
}

// A table that is down for hours fills no log.
func TestATableThatIsDownIsLoggedOnce(t *testing.T) {
	table := newTable(t)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		sa := newSanctions(newModeration(), slog.New(slog.NewTextHandler(&log, nil)))
		sa.UseTable(&unwatched{table, 50})
		ctx, stop := context.WithCancel(t.Context())
		loaded := make(chan struct{})
		var running sync.WaitGroup
		running.Go(func() { sa.Run(ctx, func() { close(loaded) }) })
		<-loaded
		stop()
		running.Wait()
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("got %d lines, want 1: %s", n, log.String())
		}
	})
}
