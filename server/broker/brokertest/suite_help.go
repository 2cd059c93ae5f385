package brokertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// patience bounds the wait for what must happen. It is no promise of an engine. Tests of the suite have less.
func patience(t testing.TB) time.Duration {
	if t, ok := t.(interface{ patience() time.Duration }); ok {
		return t.patience()
	}
	return 60 * time.Second
}

// within is a context that ends with the test or after patience.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience(t))
	t.Cleanup(cancel)
	return ctx
}

func stop(t testing.TB, e broker.Engine) {
	t.Helper()
	if err := e.Close(within(t)); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func openLog(t testing.TB, e broker.Engine, shard int) broker.Log {
	t.Helper()
	l, err := e.Open(within(t), shard)
	if err != nil {
		t.Fatalf("Open of log %d: %v", shard, err)
	}
	return l
}

func openTable(t testing.TB, e broker.Engine, name string) broker.Table {
	t.Helper()
	table, err := e.Table(within(t), name)
	if err != nil {
		t.Fatalf("Table %q: %v", name, err)
	}
	return table
}

// receive waits for a value.
func receive[V any](t testing.TB, c <-chan V, what string) V {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience(t)):
		t.Fatalf("no %s", what)
		panic("not reached")
	}
}

// appendOne appends a record and waits for its result.
func appendOne(t testing.TB, l broker.Log, expected uint64, record []byte) error {
	t.Helper()
	result := make(chan error, 8)
	l.Append(expected, slices.Clone(record), func(err error) { result <- err })
	return receive(t, result, fmt.Sprintf("done of record %d", expected+1))
}

// appendAll appends records behind number last, two at a time, and fails the test if one is not committed.
func appendAll(t testing.TB, l broker.Log, last uint64, records ...[]byte) {
	t.Helper()
	results := make(chan error, len(records)+8)
	for i, r := range records {
		if i >= broker.MaxAppends {
			if err := receive(t, results, "done of an earlier record"); err != nil {
				t.Fatalf("append: %v", err)
			}
		}
		l.Append(last+uint64(i), slices.Clone(r), func(err error) { results <- err })
	}
	for range min(len(records), broker.MaxAppends) {
		if err := receive(t, results, "done of a record"); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
}

// makeRecords returns n different records of several sizes.
func makeRecords(n int) (records [][]byte) {
	sizes := []int{1, 2, 100, 5_000, 70_000}
	for i := range n {
		size := sizes[i%len(sizes)]
		r := bytes.Repeat([]byte(fmt.Sprintf("%d,", i)), size/2+1)[:max(size, len(fmt.Sprint(i)))]
		records = append(records, r)
	}
	return records
}

// replayed returns the stored records behind number after, and checks that their numbers have no hole.
func replayed(t testing.TB, l broker.Log, after uint64) (first uint64, records [][]byte, last uint64) {
	t.Helper()
	first = after + 1
	last, err := l.Replay(within(t), after, func(seq uint64, record []byte) error {
		if len(records) == 0 {
			first = seq
		}
		if want := first + uint64(len(records)); seq != want || seq <= after {
			t.Errorf("the replay after %d has record %d at the place of %d", after, seq, want)
		}
		records = append(records, slices.Clone(record))
		return nil
	})
	if err != nil {
		t.Fatalf("Replay: %v", err)
	}
	if n := uint64(len(records)); n > 0 && last != first+n-1 {
		t.Errorf("the replay returned %d as the last number, but its last record has %d", last, first+n-1)
	}
	return first, records, last
}

// wantRecords compares the records of a replay from the beginning.
func wantRecords(t testing.TB, l broker.Log, want [][]byte) {
	t.Helper()
	first, got, last := replayed(t, l, 0)
	if first != 1 || last != uint64(len(want)) {
		t.Errorf("the log has records %d to %d, want 1 to %d", first, last, len(want))
	}
	sameRecords(t, got, want)
}

func sameRecords(t testing.TB, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("got %d records, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("record at place %d has %d bytes, begins with %.20q; want %d bytes, %.20q", i, len(got[i]), got[i], len(want[i]), want[i])
		}
	}
}

func wantError(t testing.TB, what string, err error, want ...error) {
	t.Helper()
	if !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}
