package chat

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// Sanctions changes the sanctions of a Moderation. With a table, they are on disk: a change is written to the table; the watch of the table
// reports it, and only the watch changes the Moderation. So their order is that of the table, and the state after a restart is that of before.
type Sanctions struct {
	moderation *Moderation
	table      broker.Table // constant after UseTable; nil: sanctions are in memory, and a restart clears them
	log        *slog.Logger
	revoking   chan struct{} // capacity 1: held from reading a revocation to the end of its change

	mu      sync.Mutex          // a leaf
	stored  map[string]Sanction // by key: what the watch has reported
	applied uint64              // revision of the newest change that the watch has reported
	pass    int                 // number of the running first pass of a watch
	waiters map[*sanctionWaiter]struct{}
	skipped uint64 // values that could not be read

	imposed func(Sanction) // of another node or this one; nil on one node. Constant after JoinCluster; it does not block
}

// sanctionWaiter waits until the watch has reported a revision.
type sanctionWaiter struct {
	revision uint64
	since    int // number of a pass: the end of a later pass ends the wait as well
	done     chan struct{}
}

// sanctionRetry is the time until a watch that ended begins again.
const sanctionRetry = 200 * time.Millisecond

func newSanctions(m *Moderation, log *slog.Logger) *Sanctions {
	return &Sanctions{
		moderation: m, log: log, revoking: make(chan struct{}, 1),
		stored: map[string]Sanction{}, waiters: map[*sanctionWaiter]struct{}{},
	}
}

// UseTable makes sanctions durable. Call it once, before the server serves; then call Run.
func (sa *Sanctions) UseTable(table broker.Table) { sa.table = table }

// Impose puts a sanction into effect. With a table, it is on disk as well when Impose returns nil. The errors are ErrSanctions, ErrReasons, and those
// of the table and of ctx: then the sanction is in effect, or not. Not for a goroutine of the loop: it waits for the disk.
func (sa *Sanctions) Impose(ctx context.Context, s Sanction) error {
	if sa.table != nil {
		return sa.store(ctx, s)
	}
	release, err := sa.moderation.reserve(s)
	if err != nil {
		return err
	}
	defer release()
	if !sa.moderation.add(s) {
		return ErrSanctions
	}
	return nil
}

// Lift ends the sanction with the identity of s, if there is one. Otherwise it is as Impose.
func (sa *Sanctions) Lift(ctx context.Context, s Sanction) error {
	if sa.table == nil {
		sa.moderation.remove(s)
		return nil
	}
	// A watch that begins after the deletion does not report it. One that begins during the deletion may end the wait a moment early.
	since := sa.currentPass()
	revision, err := sa.table.Delete(ctx, s.key())
	if err != nil {
		return err
	}
	return sa.await(ctx, revision, since)
}

// Run applies the changes of the table until ctx ends. It calls loaded once, when all stored sanctions are in effect.
func (sa *Sanctions) Run(ctx context.Context, loaded func()) {
	once := sync.OnceFunc(loaded)
	for quiet := false; ctx.Err() == nil; {
		whole := false
		err := sa.watch(ctx, func() { whole = true; once() })
		if ctx.Err() != nil {
			return
		}
		if whole || !quiet { // one line for each time when the table is not available
			sa.log.Warn("the watch of the sanctions ended: it begins again, until the table is available", "error", err)
		}
		quiet = true
		select {
		case <-ctx.Done():
		case <-time.After(sanctionRetry):
		}
	}
}

// Unreadable returns the number of stored sanctions that could not be read.
func (sa *Sanctions) Unreadable() uint64 {
	sa.mu.Lock()
	defer sa.mu.Unlock()
	return sa.skipped
}

// watch is one watch of the table, with its first pass.
func (sa *Sanctions) watch(ctx context.Context, loaded func()) error {
	sa.mu.Lock()
	sa.pass++
	sa.mu.Unlock()
	named := map[string]bool{} // keys of the first pass; nil after it
	return sa.table.Watch(ctx, func(key string, value []byte, revision uint64, current bool) {
		if current && key == "" {
			sa.endPass(named)
			named = nil
			loaded()
			return
		}
		if named != nil && value != nil {
			named[key] = true
		}
		sa.apply(key, value, revision)
	})
}

// endPass drops the sanctions that the first pass did not report, and ends the waits from before it.
func (sa *Sanctions) endPass(named map[string]bool) {
	sa.mu.Lock()
	var gone []string
	for key := range sa.stored {
		if !named[key] {
			gone = append(gone, key)
		}
	}
	sa.mu.Unlock()
	for _, key := range gone {
		sa.apply(key, nil, 0)
	}
	sa.mu.Lock()
	defer sa.mu.Unlock()
	sa.wakeLocked(func(w *sanctionWaiter) bool { return w.since < sa.pass })
}

// apply puts one change of the table into effect. A nil value ends the sanction.
func (sa *Sanctions) apply(key string, value []byte, revision uint64) {
	s, err := Sanction{}, error(nil)
	if value != nil {
		s, err = decodeSanction(value)
	}
	sa.mu.Lock()
	old, had := sa.stored[key]
	switch {
	case err != nil:
		sa.skipped++
	case value == nil:
		delete(sa.stored, key)
	default:
		sa.stored[key] = s
	}
	sa.mu.Unlock()

	switch {
	case err != nil:
		sa.log.Error("a stored sanction is not in effect: it cannot be read", "key", key, "error", err)
	case value == nil && had:
		sa.moderation.remove(old)
	case value != nil && !sa.moderation.add(s):
		sa.log.Error("a stored sanction is not in effect: too many are active", "kind", string(s.Kind), "user", s.User, "channel", s.Room)
	case value != nil && sa.imposed != nil:
		sa.imposed(s)
	}

	sa.mu.Lock()
	defer sa.mu.Unlock()
	sa.applied = max(sa.applied, revision)
	sa.wakeLocked(func(w *sanctionWaiter) bool { return w.revision <= sa.applied })
}

// wakeLocked ends the waits that are over. sa.mu is held.
func (sa *Sanctions) wakeLocked(over func(*sanctionWaiter) bool) {
	for w := range sa.waiters {
		if over(w) {
			close(w.done)
			delete(sa.waiters, w)
		}
	}
}

// Applied returns the revision of the newest change that is in effect in this process.
func (sa *Sanctions) Applied() uint64 {
	sa.mu.Lock()
	defer sa.mu.Unlock()
	return sa.applied
}

// Await waits until the change with a revision is in effect in this process, or until ctx ends.
func (sa *Sanctions) Await(ctx context.Context, revision uint64) error {
	return sa.await(ctx, revision, sa.currentPass())
}

// currentPass returns the number of the newest first pass of a watch.
func (sa *Sanctions) currentPass() int {
	sa.mu.Lock()
	defer sa.mu.Unlock()
	return sa.pass
}

// await waits until the change with a revision is in effect, or until a first pass after the pass since has ended.
func (sa *Sanctions) await(ctx context.Context, revision uint64, since int) error {
	sa.mu.Lock()
	if revision <= sa.applied {
		sa.mu.Unlock()
		return nil
	}
	w := &sanctionWaiter{revision, since, make(chan struct{})}
	sa.waiters[w] = struct{}{}
	sa.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		sa.mu.Lock()
		defer sa.mu.Unlock()
		delete(sa.waiters, w)
		return fmt.Errorf("the sanction is on disk and not in effect yet: %w", ctx.Err())
	}
}

// store stores a sanction and waits until it is in effect.
func (sa *Sanctions) store(ctx context.Context, s Sanction) error {
	if s.Kind == SanctionRevoke {
		select {
		case sa.revoking <- struct{}{}:
			defer func() { <-sa.revoking }()
		case <-ctx.Done():
			return ctx.Err()
		}
		s = sa.moderation.merged(s)
	}
	release, err := sa.moderation.reserve(s)
	if err != nil {
		return err
	}
	defer release()
	value, err := s.value()
	if err != nil {
		return err
	}
	var ttl time.Duration
	if !s.Until.IsZero() {
		if ttl = s.Until.Sub(sa.moderation.Now()); ttl <= 0 {
			return sa.Lift(ctx, s)
		}
	}
	revision, err := sa.table.Put(ctx, s.key(), value, nil, ttl)
	if err != nil {
		return err
	}
	return sa.await(ctx, revision, sa.currentPass())
}
