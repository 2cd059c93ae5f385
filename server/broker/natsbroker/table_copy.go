//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The copy of a table is a second stream, with files of its own. JetStream drops a damaged message, and after an unclean stop all messages
// behind it in the same file, without an error. What the bucket has lost in this way is restored from the copy, and the other way round.
//
// A value is stored in the bucket first, with its number there in the copy; a removal is stored in the copy first. So after a stop in between,
// the copy misses the change and the bucket is right. A value that only the copy has was lost in the bucket. A value of the bucket with a later
// removal in the copy is removed: the copy knows removals for an hour (markerTime).
// In a cluster, the nodes have copies of the bucket, and there is no other.

// revisionHeader has the number of the message of the bucket, in a message of the copy; in a removal the newest number before it.
const revisionHeader = "Throng-Revision"

// namedKeys is the number of restored keys in a message of the log.
const namedKeys = 20

func (t *table) copyStream() string { return "COPY_" + t.bucket }

func (t *table) copySubject(key string) string { return "throng-copy." + t.bucket + "." + key }

// putCopy stores a value in the copy. After a failure the copy is compared before the next change.
func (t *table) putCopy(ctx context.Context, i *instance, key string, value []byte, revision uint64, ttl time.Duration) error {
	m := nats.NewMsg(t.copySubject(key))
	m.Data = value
	m.Header.Set(revisionHeader, strconv.FormatUint(revision, 10))
	setTTL(m, ttl)
	return t.changeCopy(ctx, i, m)
}

// deleteCopy stores a removal in the copy. newest is the number of the newest message of the bucket.
func (t *table) deleteCopy(ctx context.Context, i *instance, key string, newest uint64) error {
	m := newRemoval(t.copySubject(key))
	m.Header.Set(revisionHeader, strconv.FormatUint(newest, 10))
	return t.changeCopy(ctx, i, m)
}

func (t *table) changeCopy(ctx context.Context, i *instance, m *nats.Msg) error {
	if !t.copied {
		return nil
	}
	_, err := t.publish(ctx, i, m)
	if err != nil {
		t.ready = nil
	}
	return err
}

// contents is what could be read of the bucket, or of its copy.
type contents struct {
	exists  bool
	last    uint64 // number of the newest message
	lost    uint64 // messages that could not be read
	entries map[string]storedEntry
}

func readContents(ctx context.Context, i *instance, stream string) (contents, error) {
	c := contents{exists: true, entries: map[string]storedEntry{}}
	state, lost, err := i.readEntries(ctx, stream, func(e storedEntry) { c.entries[e.key] = e })
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return contents{}, nil
	}
	c.last, c.lost = state.LastSeq, lost
	return c, err
}

// repairing compares the bucket of a table with its copy, and makes them equal.
type repairing struct {
	table        *table
	instance     *instance
	now          time.Time
	bucket, copy contents
	whole        map[string]storedEntry // the entries with a value, of both
	restored     []string               // keys that only the copy had
	removed      []string               // keys with a value in the bucket and a later removal in the copy
}

// repair compares the bucket with its copy, and stores what one of them lacks. using is held.
func (t *table) repair(ctx context.Context, i *instance) (err error) {
	rp := &repairing{table: t, instance: i, now: time.Now(), whole: map[string]storedEntry{}}
	if rp.bucket, err = readContents(ctx, i, t.stream()); err != nil {
		return err
	}
	if rp.copy, err = readContents(ctx, i, t.copyStream()); err != nil {
		return err
	}
	rp.merge()
	rp.report()
	if rp.bucket.exists && !rp.isBucketDamaged() {
		t.readable = i
	}
	if err := rp.completeCopy(ctx); err != nil {
		return err
	}
	return rp.completeBucket(ctx)
}

// merge decides which entries the table has.
func (rp *repairing) merge() {
	for key, e := range rp.bucket.entries {
		switch c := rp.copy.entries[key]; {
		case e.value == nil || e.remaining(rp.now) < 0:
		case c.value == nil && c.copied && c.revision >= e.revision: // its removal in the bucket was lost, or not stored yet
			rp.removed = append(rp.removed, key)
		default:
			rp.whole[key] = e
		}
	}
	for key, c := range rp.copy.entries {
		e, is := rp.bucket.entries[key]
		if c.value == nil || c.remaining(rp.now) < 0 || is && e.revision >= c.revision {
			continue
		}
		rp.whole[key] = c
		rp.restored = append(rp.restored, key)
	}
	slices.Sort(rp.restored)
}

// isBucketDamaged reports whether the bucket has lost messages.
func (rp *repairing) isBucketDamaged() bool {
	return rp.bucket.lost > 0 || len(rp.restored) > 0 || rp.bucket.last < rp.newest()
}

// newest is the largest revision that the copy has.
func (rp *repairing) newest() (revision uint64) {
	for _, c := range rp.copy.entries {
		revision = max(revision, c.revision)
	}
	return revision
}

// report logs and counts the damage.
func (rp *repairing) report() {
	log, name, count := rp.instance.options.Log, rp.table.name, rp.table.damage
	if n := len(rp.restored); n > 0 {
		count.restored.Add(uint64(n))
		log.Error("storage engine: entries of a table were damaged, and are restored from its copy: check the disk",
			"table", name, "entries", n, "keys", rp.restored[:min(n, namedKeys)])
	}
	if rp.copy.lost > 0 {
		count.restored.Add(rp.copy.lost)
		log.Error("storage engine: entries of the copy of a table are damaged, and are stored again: check the disk", "table", name, "entries", rp.copy.lost)
	}
	lost := rp.bucket.lost
	if rp.copy.exists {
		lost = min(lost, rp.copy.lost)
	}
	if lost > 0 {
		count.lost.Add(lost)
		log.Error("storage engine: entries of a table may be lost, since its copy is damaged as well: restore the data directory from a backup, or set them again",
			"table", name, "entries", lost)
	}
}

// completeCopy makes the copy equal to the table. A damaged copy is made again; before that the bucket gets what only the copy had.
func (rp *repairing) completeCopy(ctx context.Context) error {
	t, i := rp.table, rp.instance
	if rp.copy.exists && rp.copy.lost > 0 {
		for _, key := range rp.restored {
			if err := rp.store(ctx, rp.whole[key]); err != nil {
				return err
			}
		}
		if err := i.js.DeleteStream(ctx, t.copyStream()); err != nil {
			return err
		}
		rp.copy = contents{}
	}
	if !rp.copy.exists {
		if err := i.createStream(ctx, t.copyStream(), t.copySubject(">"), 0, 1); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(rp.whole)) {
		e, c := rp.whole[key], rp.copy.entries[key]
		if c.value != nil && c.revision == e.revision {
			continue
		}
		if err := t.putCopy(ctx, i, key, e.value, e.revision, e.remaining(rp.now)); err != nil {
			return err
		}
	}
	for key, c := range rp.copy.entries {
		if _, is := rp.whole[key]; c.value == nil || is {
			continue
		}
		if err := t.deleteCopy(ctx, i, key, rp.bucket.last); err != nil {
			return err
		}
	}
	return nil
}

// completeBucket makes a damaged bucket again, from the copy, which is complete. Its revisions continue.
func (rp *repairing) completeBucket(ctx context.Context) error {
	t, i := rp.table, rp.instance
	if rp.bucket.exists && !rp.isBucketDamaged() {
		for _, key := range rp.removed {
			if _, err := t.publish(ctx, i, newRemoval(t.subject(key))); err != nil {
				return err
			}
		}
		return nil
	}
	if rp.bucket.exists {
		if err := i.js.DeleteStream(ctx, t.stream()); err != nil {
			return err
		}
	}
	begun := make(chan struct{})
	close(*t.rebuilt.Swap(&begun))
	first := max(rp.bucket.last, rp.newest()) + 1
	if err := i.createStream(ctx, t.stream(), t.subject(">"), first, 1); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(rp.whole)) {
		if err := rp.store(ctx, rp.whole[key]); err != nil {
			return err
		}
	}
	return nil
}

// store stores an entry in the bucket, and its new revision in the copy.
func (rp *repairing) store(ctx context.Context, e storedEntry) error {
	revision, err := rp.table.put(ctx, rp.instance, e.key, e.value, nil, e.remaining(rp.now))
	if err != nil {
		return err
	}
	return rp.table.putCopy(ctx, rp.instance, e.key, e.value, revision, e.remaining(rp.now))
}
