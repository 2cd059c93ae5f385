package brokertest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// tableData is what a table stores, under Fake.mu.
type tableData struct {
	revision uint64
	keys     map[string]*value
	changed  chan struct{} // closed and replaced at each change
}

// value is the newest state of a key.
type value struct {
	key      string
	data     []byte // nil: removed
	revision uint64
	ends     time.Duration // virtual time; 0: never
}

// table is a table as one node sees it.
type table struct {
	node *node
	data *tableData
}

func (t *table) Put(ctx context.Context, key string, data []byte, ifRevision *uint64, ttl time.Duration) (revision uint64, err error) {
	if err := cmp.Or(broker.CheckKey(key), broker.CheckValue(data)); err != nil {
		return 0, err
	}
	f := t.node.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := t.writableLocked(ctx); err != nil {
		return 0, err
	}
	current := uint64(0)
	if v := t.data.keys[key]; v != nil && v.data != nil {
		current = v.revision
	}
	if ifRevision != nil && *ifRevision != current && f.bug != "a Put ignores the revision" {
		return 0, fmt.Errorf("fake: key %q has revision %d, expected %d: %w", key, current, *ifRevision, broker.ErrConflict)
	}
	v := &value{key: key, data: slices.Clone(data)}
	if ttl > 0 {
		v.ends = f.now + (ttl + time.Second - 1).Truncate(time.Second)
	}
	return t.storeLocked(v)
}

// storeLocked makes a change, whose answer may be lost.
func (t *table) storeLocked(v *value) (revision uint64, err error) {
	f := t.node.fake
	if f.chanceLocked(f.faults.Lose) {
		return 0, fmt.Errorf("fake: lost: %w", broker.ErrUnavailable)
	}
	revision = t.data.setLocked(v)
	if f.chanceLocked(f.faults.LoseAck) {
		return 0, fmt.Errorf("fake: no answer: %w", broker.ErrUnavailable)
	}
	return revision, nil
}

func (t *table) Delete(ctx context.Context, key string) (revision uint64, err error) {
	if err := broker.CheckKey(key); err != nil {
		return 0, err
	}
	t.node.fake.mu.Lock()
	defer t.node.fake.mu.Unlock()
	if err := t.writableLocked(ctx); err != nil {
		return 0, err
	}
	return t.storeLocked(&value{key: key})
}

func (t *table) writableLocked(ctx context.Context) error {
	if err := t.node.fake.readableLocked(ctx, t.node); err != nil {
		return err
	}
	return t.node.fake.stateLocked()
}

func (t *table) Watch(ctx context.Context, f func(key string, value []byte, revision uint64, current bool)) error {
	var seen uint64
	for current := false; ; current = true {
		changes, changed, err := t.since(ctx, seen)
		if err != nil {
			return err
		}
		for _, v := range changes {
			seen = v.revision
			if current || v.data != nil {
				f(v.key, slices.Clone(v.data), v.revision, current)
			}
		}
		if !current {
			f("", nil, 0, true)
		}
		select {
		case <-changed:
		case <-t.node.ended:
		case <-ctx.Done():
		}
	}
}

// since returns the changes after a revision, and a channel that is closed at the next one.
func (t *table) since(ctx context.Context, seen uint64) (changes []value, changed <-chan struct{}, err error) {
	f := t.node.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.readableLocked(ctx, t.node); err != nil {
		return nil, nil, err
	}
	for _, v := range t.data.keys {
		if v.revision > seen && (v.data != nil || f.bug != "a watch leaves out removed keys") {
			changes = append(changes, *v)
		}
	}
	slices.SortFunc(changes, func(a, b value) int { return cmp.Compare(a.revision, b.revision) })
	return changes, t.data.changed, nil
}

// setLocked makes a change and returns its revision.
func (d *tableData) setLocked(v *value) uint64 {
	d.revision++
	v.revision = d.revision
	d.keys[v.key] = v
	d.changedLocked()
	return v.revision
}

// expireLocked removes the keys whose time has ended.
func (d *tableData) expireLocked(now time.Duration) {
	var ended []*value
	for _, v := range d.keys {
		if v.data != nil && v.ends > 0 && v.ends <= now {
			ended = append(ended, v)
		}
	}
	slices.SortFunc(ended, func(a, b *value) int { return cmp.Or(cmp.Compare(a.ends, b.ends), cmp.Compare(a.key, b.key)) })
	for _, v := range ended {
		d.setLocked(&value{key: v.key})
	}
}

func (d *tableData) changedLocked() {
	close(d.changed)
	d.changed = make(chan struct{})
}
