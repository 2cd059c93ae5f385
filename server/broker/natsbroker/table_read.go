//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// storedEntry is the newest message of a key of a table.
type storedEntry struct {
	key      string
	value    []byte // nil: the key was removed
	revision uint64 // in the bucket; of a removal in the copy the newest one in the bucket before it
	copied   bool   // revision is in the message: it is one of the copy, and no end of a key by its time
	ends     time.Time
	number   uint64 // of the message in its stream
}

// remaining returns the time until the end of an entry, 0 without an end, or a negative time after it.
func (se *storedEntry) remaining(now time.Time) time.Duration {
	if se.ends.IsZero() {
		return 0
	}
	if left := se.ends.Sub(now); left > 0 {
		return left
	}
	return -1
}

// readEntries calls f for each entry of a stream that can be read, in the order of their messages. If nothing changes meanwhile, lost is the
// number of the others.
func (i *instance) readEntries(ctx context.Context, stream string, f func(storedEntry)) (state jetstream.StreamState, lost uint64, err error) {
	s, err := i.js.Stream(ctx, stream)
	if err != nil {
		return state, 0, err
	}
	state = s.CachedInfo().State
	r, err := i.newReader(stream)
	if err != nil {
		return state, 0, err
	}
	defer r.conn.Close()
	found := uint64(0)
	for next := state.FirstSeq; err == nil && found < state.Msgs && next <= state.LastSeq; {
		err = r.readMessages(ctx, next, func(number uint64, m *nats.Msg) error {
			next = number + 1
			if m == nil || number > state.LastSeq {
				return nil
			}
			e, err := entryOf(number, m)
			if err == nil {
				found++
				f(e)
			}
			return err
		})
	}
	return state, state.Msgs - min(found, state.Msgs), err
}

// entryOf returns the entry of a message that was read.
func entryOf(number uint64, m *nats.Msg) (e storedEntry, err error) {
	subject := m.Header.Get("Nats-Subject")
	e = storedEntry{key: subject[strings.LastIndexByte(subject, '.')+1:], revision: number, number: number}
	if text := m.Header.Get(revisionHeader); text != "" {
		e.copied = true
		if e.revision, err = strconv.ParseUint(text, 10, 64); err != nil {
			return e, fmt.Errorf("revision of key %q: %w", e.key, err)
		}
	}
	if isRemoval(m.Header) {
		return e, nil
	}
	e.value = m.Data
	ttl := m.Header.Get(ttlHeader)
	if ttl == "" {
		return e, nil
	}
	seconds, err := strconv.ParseInt(ttl, 10, 64)
	begin, timeErr := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	if err := errors.Join(err, timeErr); err != nil {
		return e, fmt.Errorf("end of key %q: %w", e.key, err)
	}
	e.ends = begin.Add(time.Duration(seconds) * time.Second)
	return e, nil
}

// createStream creates the stream of a bucket, or of its copy. Its messages get numbers from first on.
func (i *instance) createStream(ctx context.Context, name, subjects string, first uint64, nodes int) error {
	_, err := i.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{subjects}, FirstSeq: first,
		Storage: jetstream.FileStorage, Replicas: nodes, MaxMsgsPerSubject: 1, MaxMsgSize: maxMessage, MaxBytes: -1, MaxMsgs: -1, MaxConsumers: -1,
		Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true, AllowDirect: true,
		AllowMsgTTL: true, SubjectDeleteMarkerTTL: markerTime,
	})
	return err
}
