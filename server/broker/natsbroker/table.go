//go:build !nonats

package natsbroker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
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

// tableDamage counts damaged entries of tables.
type tableDamage struct{ restored, lost atomic.Uint64 }

// table is a bucket of the key-value store of JetStream, and a copy of it in other files. It stays valid when the instance is replaced.
type table struct {
	name    string
	bucket  string
	running func(context.Context) (*instance, error)
	damage  *tableDamage
	nodes   int           // replicas of the bucket
	copied  bool          // there is a copy; otherwise the servers have the replicas
	using   chan struct{} // capacity 1: held by a change and by a repair

	// Owned by the holder of using.
	ready    *instance // whose files were compared and repaired; nil: to be compared
	readable *instance // whose bucket has no damage

	rebuilt atomic.Pointer[chan struct{}] // closed and replaced when the bucket is made again: watches end
}

// newTable returns the table with a name.
func newTable(name string, o *Options, running func(context.Context) (*instance, error), damage *tableDamage) *table {
	t := &table{
		name: name, bucket: "throng_" + o.Cluster + "_" + name, nodes: o.replicas(), copied: !o.replicated(),
		running: running, damage: damage, using: make(chan struct{}, 1),
	}
	begun := make(chan struct{})
	t.rebuilt.Store(&begun)
	return t
}

// open compares the table with its copy, and creates both at first.
func (t *table) open(ctx context.Context) error {
	_, done, err := t.use(ctx, true)
	if err == nil {
		done()
	}
	return err
}

// use waits for other changes, and returns the instance when its files are compared with the copy. Call done after the change. On a full disk
// the copy may be behind: then a bucket without damage can be read.
func (t *table) use(ctx context.Context, toRead bool) (i *instance, done func(), err error) {
	select {
	case t.using <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	done = func() { <-t.using }
	if i, err = t.running(ctx); err == nil && t.ready != i {
		if err = i.explain(ctx, "table "+t.name, t.prepare(ctx, i)); err == nil {
			t.ready = i
		} else if toRead && t.readable == i && errors.Is(err, broker.ErrFull) {
			err = nil
		}
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return i, done, nil
}

// prepare creates the bucket if it does not exist, and makes it and its copy equal. using is held.
func (t *table) prepare(ctx context.Context, i *instance) error {
	ctx, cancel := i.with(ctx)
	defer cancel()
	if t.copied {
		return t.repair(ctx, i)
	}
	_, err := i.findStream(ctx, t.stream())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = i.createStream(ctx, t.stream(), t.subject(">"), 0, t.nodes)
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		err = nil // another node has created it meanwhile
	}
	return i.explainCreate(err)
}

func (t *table) stream() string { return "KV_" + t.bucket }

func (t *table) subject(key string) string { return "$KV." + t.bucket + "." + key }

func (t *table) Put(ctx context.Context, key string, value []byte, ifRevision *uint64, ttl time.Duration) (revision uint64, err error) {
	if err := cmp.Or(broker.CheckKey(key), broker.CheckValue(value)); err != nil {
		return 0, err
	}
	i, done, err := t.use(ctx, false)
	if err != nil {
		return 0, err
	}
	defer done()
	revision, err = t.put(ctx, i, key, value, ifRevision, ttl)
	if err == nil {
		err = t.putCopy(ctx, i, key, value, revision, ttl)
	}
	return revision, err
}

// put stores a value in the bucket.
func (t *table) put(ctx context.Context, i *instance, key string, value []byte, ifRevision *uint64, ttl time.Duration) (revision uint64, err error) {
	m := nats.NewMsg(t.subject(key))
	m.Data = value
	setTTL(m, ttl)
	if ifRevision == nil {
		return t.publish(ctx, i, m)
	}
	m.Header.Set(expectedKeyHeader, strconv.FormatUint(*ifRevision, 10))
	revision, err = t.publish(ctx, i, m)
	if *ifRevision > 0 || !errors.Is(err, broker.ErrConflict) {
		return revision, err
	}
	// The key may have been removed: then its newest message says so.
	removal, err := t.removal(ctx, i, key)
	if err != nil || removal == 0 {
		return 0, cmp.Or(err, fmt.Errorf("storage engine: key %q has a value: %w", key, broker.ErrConflict))
	}
	m.Header.Set(expectedKeyHeader, strconv.FormatUint(removal, 10))
	return t.publish(ctx, i, m)
}

func setTTL(m *nats.Msg, ttl time.Duration) {
	if ttl > 0 {
		m.Header.Set(ttlHeader, strconv.FormatInt(int64((ttl+time.Second-1)/time.Second), 10))
	}
}

func (t *table) Delete(ctx context.Context, key string) (revision uint64, err error) {
	if err := broker.CheckKey(key); err != nil {
		return 0, err
	}
	i, done, err := t.use(ctx, false)
	if err != nil {
		return 0, err
	}
	defer done()
	if t.copied {
		newest, err := t.newest(ctx, i)
		if err == nil {
			err = t.deleteCopy(ctx, i, key, newest)
		}
		if err != nil {
			return 0, err
		}
	}
	return t.publish(ctx, i, newRemoval(t.subject(key)))
}

// newest returns the number of the newest message of the bucket.
func (t *table) newest(ctx context.Context, i *instance) (revision uint64, err error) {
	both, cancel := i.with(ctx)
	defer cancel()
	stream, err := i.js.Stream(both, t.stream())
	if err != nil {
		return 0, i.explain(ctx, "table "+t.name, err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// newRemoval is the message that removes a key.
func newRemoval(subject string) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Header.Set(operationHeader, operationOfDeletion)
	setTTL(m, markerTime)
	return m
}

// removal returns the number of the message that removed a key, or 0 if the key has a value.
func (t *table) removal(ctx context.Context, i *instance, key string) (revision uint64, err error) {
	both, cancel := i.with(ctx)
	defer cancel()
	stream, err := i.js.Stream(both, t.stream())
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
	if !isRemoval(m.Header) {
		return 0, nil
	}
	return m.Sequence, nil
}

// isRemoval reports whether a message ends its key.
func isRemoval(h nats.Header) bool { return h.Get(operationHeader) != "" || h.Get(markerHeader) != "" }

// publish stores a message and returns its number. Its context may end before a slow disk answers; then the outcome is unknown.
func (t *table) publish(ctx context.Context, i *instance, m *nats.Msg) (revision uint64, err error) {
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
