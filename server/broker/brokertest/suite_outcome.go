package brokertest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/throng-chat/throng/server/broker"
)

// unknownOutcome closes the engine with open appends, several times. The next owner finds each of them once or not, and each committed one.
func unknownOutcome(t testing.TB, c Config) {
	var acknowledged []string // "": not
	for run := range 6 {
		e := c.Start(t)
		l, records, last := fenced(t, e, fmt.Sprint("fence of run ", run))
		found := map[string]int{}
		for _, r := range records {
			found[string(r)]++
		}
		for r, n := range found {
			if n > 1 {
				t.Fatalf("run %d: record %q was found %d times", run, r, n)
			}
		}
		for _, r := range acknowledged {
			if found[r] == 0 {
				t.Fatalf("run %d: record %q was committed and is not found", run, r)
			}
		}
		type result struct {
			record string
			err    error
		}
		results := make(chan result, 1000)
		expected := last
		for i := range 20 {
			if i >= broker.MaxAppends {
				r := receive(t, results, "done")
				if r.err != nil {
					t.Fatalf("append: %v", r.err)
				}
				acknowledged = append(acknowledged, r.record)
			}
			r := fmt.Sprintf("run %d record %d", run, i)
			l.Append(expected, []byte(r), func(err error) { results <- result{r, err} })
			expected++
		}
		stop(t, e)
		for range broker.MaxAppends {
			if r := receive(t, results, "done of an append that was open at the end"); r.err == nil {
				acknowledged = append(acknowledged, r.record)
			}
		}
	}
}

// fenced opens a log, reads it and appends a fence, as an owner does: an external server may store what it has received from the engine before only now.
func fenced(t testing.TB, e broker.Engine, fence string) (l broker.Log, records [][]byte, last uint64) {
	for {
		l = openLog(t, e, 0)
		_, records, last = replayed(t, l, 0)
		switch err := appendOne(t, l, last, []byte(fence)); {
		case err == nil:
			return l, records, last + 1
		case !errors.Is(err, broker.ErrFenced):
			t.Fatalf("append of a fence: %v", err)
		}
	}
}

func trim(t testing.TB, c Config) {
	l := openLog(t, c.Start(t), 0)
	records := makeRecords(20)
	appendAll(t, l, 0, records...)
	for _, upTo := range []uint64{0, 7, 3, 7} {
		if err := l.Trim(within(t), upTo); err != nil {
			t.Fatalf("Trim to %d: %v", upTo, err)
		}
	}
	first, got, last := replayed(t, l, 0)
	if first != 8 || last != 20 {
		t.Errorf("after Trim to 7 the log has records %d to %d, want 8 to 20", first, last)
	}
	sameRecords(t, got, records[7:])
	if first, last, err := l.Extent(within(t)); first != 8 || last != 20 || err != nil {
		t.Errorf("Extent: %d, %d, %v; want 8, 20", first, last, err)
	}
	appendAll(t, l, 20, []byte("next"))
}

func trimOverARestart(t testing.TB, c Config) {
	e := c.Start(t)
	l := openLog(t, e, 0)
	appendAll(t, l, 0, makeRecords(10)...)
	if err := l.Trim(within(t), 1_000); err != nil { // the numbers behind the last record are not skipped
		t.Fatalf("Trim of all records: %v", err)
	}
	for run := range 2 {
		_, got, last := replayed(t, l, 0)
		first, newest, err := l.Extent(within(t))
		if len(got) != 0 || last != 10 || first != 11 || newest != 10 || err != nil {
			t.Fatalf("run %d: after Trim of all of 10 records: %d records, last %d, Extent %d, %d, %v; want 0, 10, 11, 10", run, len(got), last, first, newest, err)
		}
		stop(t, e)
		e = c.Start(t)
		l = openLog(t, e, 0)
	}
	wantError(t, "append of a number that was used", appendOne(t, l, 0, []byte("again")), broker.ErrFenced)
	l = openLog(t, e, 0)
	appendAll(t, l, 10, []byte("eleven"))
	if first, got, last := replayed(t, l, 0); first != 11 || last != 11 || len(got) != 1 || string(got[0]) != "eleven" {
		t.Errorf("after Trim and an append: %q at %d to %d, want one record with number 11", got, first, last)
	}
}
