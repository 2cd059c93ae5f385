//go:build !nonats

package natsbroker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
)

// Watch reads the bucket of one node, and watches what is behind: a watcher of JetStream waits for damaged messages without end. Of several
// nodes, the watcher reads from the leader of the bucket, and another node may be behind.
func (t *table) Watch(ctx context.Context, f func(key string, value []byte, revision uint64, current bool)) error {
	rebuilt := *t.rebuilt.Load()
	i, done, err := t.use(ctx, true)
	if err != nil {
		return err
	}
	done()
	both, cancel := i.with(ctx)
	defer cancel()
	current, options := false, []jetstream.WatchOpt(nil)
	if t.copied {
		state, _, err := i.readEntries(both, t.stream(), func(e storedEntry) { f(e.key, e.value, e.revision, false) })
		if err != nil {
			return i.explain(ctx, "watch table "+t.name, err)
		}
		current, options = true, append(options, jetstream.ResumeFromRevision(state.LastSeq+1))
		f("", nil, 0, true)
	}
	bucket, err := ask(both, func(ctx context.Context) (jetstream.KeyValue, error) { return i.js.KeyValue(ctx, t.bucket) })
	if err != nil {
		return i.explain(ctx, "watch table "+t.name, err)
	}
	watcher, err := bucket.WatchAll(both, options...)
	if err != nil {
		return i.explain(ctx, "watch table "+t.name, err)
	}
	defer stopWatcher(watcher, i.options.Log)
	for {
		select {
		case <-both.Done():
			return t.endOfWatch(ctx, i)
		case <-rebuilt:
			return t.endOfWatch(ctx, i)
		case entry, ok := <-watcher.Updates():
			switch {
			case !ok:
				return t.endOfWatch(ctx, i)
			case entry == nil && current: // all changes of before are reported
			case entry == nil:
				current = true
				f("", nil, 0, true)
			case entry.Operation() == jetstream.KeyValuePut:
				f(entry.Key(), entry.Value(), entry.Revision(), current)
			default:
				f(entry.Key(), nil, entry.Revision(), current)
			}
		}
	}
}

// endOfWatch is the error of a watch that has ended by itself.
func (t *table) endOfWatch(ctx context.Context, i *instance) error {
	if _, err := t.running(ctx); err != nil {
		return err
	}
	return cmp.Or(ctx.Err(), i.cause(), fmt.Errorf("storage engine: the watch of table %s has ended: %w", t.name, broker.ErrUnavailable))
}

// stopWatcher ends a watcher. Its subscription may wait until an entry is taken, so the rest is taken until its end.
func stopWatcher(w jetstream.KeyWatcher, log *slog.Logger) {
	go func() {
		for range w.Updates() {
		}
	}()
	if err := w.Stop(); err != nil {
		log.Debug("storage engine: end of a watch", "error", err) // its connection has ended before
	}
}
