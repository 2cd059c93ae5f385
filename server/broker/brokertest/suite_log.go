package brokertest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/throng-chat/throng/server/broker"
)

func recordsComeBack(t testing.TB, c Config) {
	l := openLog(t, c.Start(t), 0)
	wantRecords(t, l, nil)
	records := append(makeRecords(40), bytes.Repeat([]byte("large "), broker.MaxRecord/6+1)[:broker.MaxRecord])
	appendAll(t, l, 0, records...)
	wantRecords(t, l, records)

	first, rest, last := replayed(t, l, 35)
	if first != 36 || last != 41 {
		t.Errorf("a replay after 35 has records %d to %d, want 36 to 41", first, last)
	}
	sameRecords(t, rest, records[35:])
	if _, rest, last := replayed(t, l, 41); len(rest) != 0 || last != 41 {
		t.Errorf("a replay after the last record has %d records and the last number %d, want 0 and 41", len(rest), last)
	}
	if first, last, err := l.Extent(within(t)); first != 1 || last != 41 || err != nil {
		t.Errorf("Extent: %d, %d, %v; want 1, 41", first, last, err)
	}
}

func recordsSurviveARestart(t testing.TB, c Config) {
	records := makeRecords(30)
	var id string
	for run := range 3 {
		e := c.Start(t)
		l := openLog(t, e, 0)
		if run == 0 {
			id = l.ID()
		}
		if l.ID() != id || len(id) < 16 {
			t.Errorf("run %d: the log has the ID %q, before it was %q; want the same of 16 bytes or more", run, l.ID(), id)
		}
		wantRecords(t, l, records[:run*10])
		appendAll(t, l, uint64(run*10), records[run*10:run*10+10]...)
		stop(t, e)
	}
	wantRecords(t, openLog(t, c.Start(t), 0), records)
}

func replayEnds(t testing.TB, c Config) {
	l := openLog(t, c.Start(t), 0)
	appendAll(t, l, 0, makeRecords(10)...)
	enough := errors.New("enough")
	calls := 0
	_, err := l.Replay(within(t), 0, func(seq uint64, _ []byte) error {
		calls++
		if seq == 4 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || calls != 4 {
		t.Errorf("the replay ended with %v after %d calls, want %v after 4", err, calls, enough)
	}
}

func replayBesideAppends(t testing.TB, c Config) {
	e := c.Start(t)
	records := makeRecords(100)
	writer, reader := openLog(t, e, 0), openLog(t, e, 0)
	results := make(chan error, 2)
	for i := 0; i < len(records); i += 2 {
		for j, r := range records[i : i+2] {
			writer.Append(uint64(i+j), slices.Clone(r), func(err error) { results <- err })
		}
		_, got, last := replayed(t, reader, 0)
		if last < uint64(i) || last > uint64(i+2) {
			t.Errorf("a replay beside 2 open appends returned %d as the last number, want %d to %d", last, i, i+2)
		}
		sameRecords(t, got, records[:min(len(got), i+2)])
		for range 2 {
			if err := receive(t, results, "done"); err != nil {
				t.Fatalf("append: %v", err)
			}
		}
	}
	wantRecords(t, reader, records)
}

// numberOfLogs: the first call decides, and a log that Open has created is the only one.
func numberOfLogs(t testing.TB, c Config) {
	e := c.Start(t)
	openLog(t, e, 1)
	for _, wanted := range []int{4, 1, 2} {
		if got, err := e.Logs(within(t), wanted); err != nil || got != 4 {
			t.Errorf("Logs(%d): got %d, %v; want the 4 of the first call", wanted, got, err)
		}
	}
	stop(t, e)
	e = c.Start(t)
	if got, err := e.Logs(within(t), 1); err != nil || got != 4 {
		t.Errorf("after a restart: got %d logs, %v; want 4", got, err)
	}
}

func logsAreIndependent(t testing.TB, c Config) {
	e := c.Start(t)
	a, b := openLog(t, e, 0), openLog(t, e, 1)
	if a.ID() == b.ID() {
		t.Errorf("the logs of two shards have the same ID %q", a.ID())
	}
	if again := openLog(t, e, 0); again.ID() != a.ID() {
		t.Errorf("the second Open of a log returned the ID %q, want %q", again.ID(), a.ID())
	}
	records := makeRecords(12)
	appendAll(t, a, 0, records[:5]...)
	appendAll(t, b, 0, records[5:]...)
	wantRecords(t, a, records[:5])
	wantRecords(t, b, records[5:])
}

func oneOwnerWins(t testing.TB, c Config) {
	e := c.Start(t)
	var want [][]byte
	for round := range uint64(30) {
		owners := [2]broker.Log{openLog(t, e, 0), openLog(t, e, 0)}
		var errs [2]chan error
		var start sync.WaitGroup
		start.Add(1)
		for i, l := range owners {
			errs[i] = make(chan error, 1)
			go func() {
				start.Wait()
				l.Append(round, fmt.Appendf(nil, "round %d owner %d", round, i), func(err error) { errs[i] <- err })
			}()
		}
		start.Done()
		winners := 0
		for i := range owners {
			err := receive(t, errs[i], "done")
			if err == nil {
				winners++
				want = append(want, fmt.Appendf(nil, "round %d owner %d", round, i))
			} else {
				wantError(t, "append of the other owner", err, broker.ErrFenced)
			}
			owners[i].Close()
		}
		if winners != 1 {
			t.Fatalf("%d owners got number %d, want 1", winners, round+1)
		}
	}
	wantRecords(t, openLog(t, e, 0), want)
}

func earlierOwnerIsFenced(t testing.TB, c Config) {
	e := c.Start(t)
	zombie := openLog(t, e, 0)
	appendAll(t, zombie, 0, []byte("one"), []byte("two"))
	owner := openLog(t, e, 0)
	_, _, last := replayed(t, owner, 0)
	appendAll(t, owner, last, []byte("fence"))
	wantError(t, "append of the earlier owner", appendOne(t, zombie, last, []byte("late")), broker.ErrFenced)
	appendAll(t, owner, last+1, []byte("four"))
	if err := appendOne(t, zombie, last+2, []byte("late again")); err == nil {
		t.Error("an append of the earlier owner was committed after it was fenced")
	}
	wantRecords(t, owner, [][]byte{[]byte("one"), []byte("two"), []byte("fence"), []byte("four")})
}

func doneOnceInOrder(t testing.TB, c Config) {
	const n = 300
	l := openLog(t, c.Start(t), 0)
	var (
		lock     = make(chan struct{}, 1) // filled during Append: a done inside Append would not return
		done     []int
		finished = make(chan error, 2*n)
		inFlight atomic.Int32
	)
	add := func(i int) {
		lock <- struct{}{}
		inFlight.Add(1)
		l.Append(uint64(i), fmt.Appendf(nil, "record %d", i), func(err error) {
			inFlight.Add(-1)
			lock <- struct{}{}
			done = append(done, i)
			<-lock
			finished <- err
		})
		<-lock
	}
	for i := range n {
		if i >= broker.MaxAppends {
			if err := receive(t, finished, "done"); err != nil {
				t.Fatalf("append: %v", err)
			}
		}
		add(i)
	}
	for range broker.MaxAppends {
		if err := receive(t, finished, "done"); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	// The next append is made by the done of the one before.
	chained := make(chan error, 2)
	l.Append(n, []byte("first of two"), func(err error) {
		if err != nil {
			chained <- err
			return
		}
		l.Append(n+1, []byte("second of two"), func(err error) { chained <- err })
	})
	if err := receive(t, chained, "done of a chained append"); err != nil {
		t.Fatalf("append in a done: %v", err)
	}
	lock <- struct{}{}
	if len(done) != n || inFlight.Load() != 0 {
		t.Errorf("done was called %d times for %d appends", len(done), n)
	}
	for i, got := range done {
		if i != got {
			t.Fatalf("call %d of done belongs to append %d", i, got)
		}
	}
}

func appendPanics(t testing.TB, c Config) {
	if c.Down == nil {
		t.Fatal("the suite needs Config.Down")
	}
	e := c.Start(t)
	l := openLog(t, e, 0)
	for _, size := range []int{0, broker.MaxRecord + 1} {
		if !panics(func() { l.Append(0, make([]byte, size), func(error) {}) }) {
			t.Errorf("an append of %d bytes does not panic", size)
		}
	}
	// The done of the first append blocks the goroutine of the log, so that both appends stay open.
	hold, held, second := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	l.Append(0, []byte("one"), func(error) {
		l.Append(1, []byte("two"), func(error) {})
		l.Append(2, []byte("three"), func(err error) { second <- err })
		close(held)
		<-hold
	})
	receive(t, held, "done")
	if !panics(func() { l.Append(3, []byte("four"), func(error) {}) }) {
		t.Errorf("a log with %d open appends accepts one more", broker.MaxAppends)
	}
	close(hold)
	if err := receive(t, second, "done"); err != nil {
		t.Errorf("append: %v", err)
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func appendsFailAfterAFailure(t testing.TB, c Config) {
	e := c.Start(t)
	l := openLog(t, e, 0)
	appendAll(t, l, 0, []byte("one"))
	results := make(chan error, 4)
	l.Append(7, []byte("wrong number"), func(err error) { results <- err })
	l.Append(1, []byte("right number, behind a failed append"), func(err error) { results <- err })
	wantError(t, "append with a number that the log does not have", receive(t, results, "done"), broker.ErrFenced)
	if err := receive(t, results, "done"); err == nil {
		t.Error("the append behind a failed one returned nil")
	}
	if err := appendOne(t, l, 2, []byte("later")); err == nil {
		t.Error("an append of a failed log returned nil")
	}
	l.Close()

	// The append behind the failed one has an unknown outcome: with several nodes it may be stored after the replay.
	for range 100 {
		again := openLog(t, e, 0)
		_, records, last := replayed(t, again, 0)
		if string(records[0]) != "one" {
			t.Fatalf("the first record is %q, want one", records[0])
		}
		err := appendOne(t, again, last, []byte("after"))
		if again.Close(); err == nil {
			return
		}
		wantError(t, "append behind an append with an unknown outcome", err, broker.ErrFenced)
	}
	t.Error("a log that is opened again takes no append")
}

func closedLog(t testing.TB, c Config) {
	e := c.Start(t)
	l := openLog(t, e, 0)
	appendAll(t, l, 0, []byte("one"))
	results := make(chan error, 8)
	l.Append(1, []byte("two"), func(err error) { results <- err })
	l.Append(2, []byte("three"), func(err error) { results <- err })
	l.Close()
	l.Close()
	var committed int
	for i := range 2 {
		switch err := receive(t, results, "done of an open append"); {
		case err == nil && committed == i:
			committed++
		case err == nil:
			t.Error("an append was committed behind one that was not")
		default:
			wantError(t, "done of an open append", err, broker.ErrClosed)
		}
	}
	wantError(t, "append to a closed log", appendOne(t, l, 3, []byte("four")), broker.ErrClosed)
	_, err := l.Replay(within(t), 0, func(uint64, []byte) error { return nil })
	wantError(t, "replay of a closed log", err, broker.ErrClosed)
	wantError(t, "trim of a closed log", l.Trim(within(t), 1), broker.ErrClosed)

	_, records, last := replayed(t, openLog(t, e, 0), 0)
	if last < uint64(1+committed) || last > 3 {
		t.Errorf("the log has %d records, want %d to 3", last, 1+committed)
	}
	sameRecords(t, records, [][]byte{[]byte("one"), []byte("two"), []byte("three")}[:min(len(records), 3)])
}
