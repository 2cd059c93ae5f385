//go:build !nonats

package natsbroker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
)

const (
	// markerTime is how long the removal of a key is kept, for watches that begin again.
	markerTime = time.Hour

	operationHeader     = "KV-Operation"
	ttlHeader           = "Nats-TTL"
	markerHeader        = "Nats-Marker-Reason"
	expectedKeyHeader   = "Nats-Expected-Last-Subject-Sequence"
	wrongSequenceCode   = jetstream.JSErrCodeStreamWrongLastSequence
	operationOfDeletion = "DEL"
)

// table is a bucket of the key-value store of JetStream. It stays valid when the instance is replaced.
type table struct {
	engine *engine
	name   string
}

func (e *engine) Table(ctx context.Context, name string) (broker.Table, error) {
	if err := broker.CheckKey(name); err != nil {
		return nil, err
	}
	i, err := e.running(ctx)
	if err != nil {
		return nil, err
	}
	t := &table{e, name}
	both, cancel := i.with(ctx)
	defer cancel()
	if _, err := i.js.KeyValue(both, t.bucket()); !errors.Is(err, jetstream.ErrBucketNotFound) {
		return t, i.explain(ctx, "open table "+name, err)
	}
	_, err = i.js.CreateKeyValue(both, jetstream.KeyValueConfig{
		Bucket: t.bucket(), History: 1, Storage: jetstream.FileStorage, Replicas: 1,
		MaxValueSize: maxMessage, LimitMarkerTTL: markerTime,
	})
	return t, i.explain(ctx, "create table "+name, err)
}

func (t *table) bucket() string { return "throng_" + t.engine.options.Cluster + "_" + t.name }

func (t *table) subject(key string) string { return "$KV." + t.bucket() + "." + key }

func (t *table) Put(ctx context.Context, key string, value []byte, ifRevision *uint64, ttl time.Duration) (revision uint64, err error) {
	if err := cmp.Or(broker.CheckKey(key), broker.CheckValue(value)); err != nil {
		return 0, err
	}
	m := nats.NewMsg(t.subject(key))
	m.Data = value
	if ttl > 0 {
		m.Header.Set(ttlHeader, strconv.FormatInt(int64((ttl+time.Second-1)/time.Second), 10))
	}
	if ifRevision == nil {
		return t.publish(ctx, m)
	}
	m.Header.Set(expectedKeyHeader, strconv.FormatUint(*ifRevision, 10))
	revision, err = t.publish(ctx, m)
	if *ifRevision > 0 || !errors.Is(err, broker.ErrConflict) {
		return revision, err
	}
	// The key may have been removed: then its newest message says so.
	removal, err := t.removal(ctx, key)
	if err != nil || removal == 0 {
		return 0, cmp.Or(err, fmt.Errorf("storage engine: key %q has a value: %w", key, broker.ErrConflict))
	}
	m.Header.Set(expectedKeyHeader, strconv.FormatUint(removal, 10))
	return t.publish(ctx, m)
}

func (t *table) Delete(ctx context.Context, key string) (revision uint64, err error) {
	if err := broker.CheckKey(key); err != nil {
		return 0, err
	}
	m := nats.NewMsg(t.subject(key))
	m.Header.Set(operationHeader, operationOfDeletion)
	m.Header.Set(ttlHeader, strconv.FormatInt(int64(markerTime/time.Second), 10))
	return t.publish(ctx, m)
}

// removal returns the number of the message that removed a key, or 0 if the key has a value.
func (t *table) removal(ctx context.Context, key string) (revision uint64, err error) {
	i, err := t.engine.running(ctx)
	if err != nil {
		return 0, err
	}
	both, cancel := i.with(ctx)
	defer cancel()
	stream, err := i.js.Stream(both, "KV_"+t.bucket())
	if err != nil {
		return 0, i.explain(ctx, "read key "+key, err)
	}
	m, err := stream.GetLastMsgForSubject(both, t.subject(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil // it ended since
	}
	if err != nil {
		return 0, i.explain(ctx, "read key "+key, err)
	}
	if m.Header.Get(operationHeader) == "" && m.Header.Get(markerHeader) == "" {
		return 0, nil
	}
	return m.Sequence, nil
}

// publish stores a message and returns its number. Its context may end before a slow disk answers; then the outcome is unknown.
func (t *table) publish(ctx context.Context, m *nats.Msg) (revision uint64, err error) {
	i, err := t.engine.running(ctx)
	if err != nil {
		return 0, err
	}
	both, cancel := i.with(ctx)
	defer cancel()
	answer, err := i.request(both, m)
	if err != nil {
		return 0, i.explain(ctx, "table "+t.name, err)
	}
	revision, err = acknowledged(answer)
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == wrongSequenceCode {
		return 0, fmt.Errorf("storage engine: %s: %w", api.Description, broker.ErrConflict)
	}
	return revision, i.explain(ctx, "table "+t.name, err)
}

// request publishes a message and waits for its answer. If a later probe is answered first, there is none, and the instance has failed.
func (i *instance) request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	inbox := nats.NewInbox()
	answers, err := i.conn.SubscribeSync(inbox + ".*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := answers.Unsubscribe(); err != nil && i.cause() == nil {
			i.options.Log.Warn("storage engine: end of a request", "error", err)
		}
	}()
	m.Reply = inbox + ".a"
	if err := i.conn.PublishMsg(m); err != nil {
		return nil, err
	}
	for patience := probeAfter; ; patience = nextProbe(patience) {
		wait, cancel := context.WithTimeout(ctx, patience)
		answer, err := answers.NextMsgWithContext(wait)
		cancel()
		switch {
		case err == nil && answer.Subject == m.Reply:
			return answer, nil
		case err == nil:
			i.fail(i.classify("table", errNoAnswer))
			return nil, errNoAnswer
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return nil, err
		}
		if err := i.conn.PublishMsg(newProbe(m.Subject, inbox+".p")); err != nil {
			return nil, err
		}
	}
}

func (t *table) Watch(ctx context.Context, f func(key string, value []byte, revision uint64, current bool)) error {
	i, err := t.engine.running(ctx)
	if err != nil {
		return err
	}
	both, cancel := i.with(ctx)
	defer cancel()
	bucket, err := i.js.KeyValue(both, t.bucket())
	if err != nil {
		return i.explain(ctx, "watch table "+t.name, err)
	}
	watcher, err := bucket.WatchAll(both)
	if err != nil {
		return i.explain(ctx, "watch table "+t.name, err)
	}
	defer stopWatcher(watcher, i.options.Log)
	current := false
	for {
		select {
		case <-both.Done():
			return t.endOfWatch(ctx, i)
		case entry, ok := <-watcher.Updates():
			switch {
			case !ok:
				return t.endOfWatch(ctx, i)
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
	if _, err := t.engine.running(ctx); err != nil {
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
