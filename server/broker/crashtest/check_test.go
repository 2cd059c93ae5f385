//go:build linux

package crashtest

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// ledgerOf appends for a moment, and returns what was acknowledged and the directory. The engine was closed.
func ledgerOf(t *testing.T, records int) (l *ledger, dir string) {
	t.Helper()
	dir, l = t.TempDir(), newLedger()
	e, err := openEngine(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	log, err := e.Open(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	in, out := io.Pipe()
	a := &appender{log: log, out: out, run: 1, next: 1, results: make(chan error, broker.MaxAppends)}
	read := make(chan error, 1)
	go func() { read <- l.read(in, func(int) {}) }()
	for range records {
		a.append()
		select {
		case err = <-a.results:
		case <-time.After(time.Minute):
			err = errors.New("done was not called")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(out.Close(), <-read, e.Close(context.Background())); err != nil {
		t.Fatal(err)
	}
	return l, dir
}

func TestTheCheckFindsPlantedFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plant       func(*ledger)
		lost, wrong int
	}{
		"nothing":           {func(*ledger) {}, 0, 0},
		"a lost tail":       {func(l *ledger) { l.sums[6] = 1 }, 1, 0},
		"another record":    {func(l *ledger) { l.sums[3]++ }, 1, 0},
		"two lost":          {func(l *ledger) { l.sums[6], l.sums[7] = 1, 2 }, 2, 0},
		"numbers go back":   {func(l *ledger) { l.trimmed = 100 }, 1, 0},
		"a trim is no loss": {func(l *ledger) { l.sums[1]++; l.trimmed = 2 }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, dir := ledgerOf(t, 5)
			c.plant(l)
			if err := l.check(dir); err != nil {
				t.Fatal(err)
			}
			if l.result.Lost != c.lost || l.result.Wrong != c.wrong || l.result.Records != 5 {
				t.Errorf("got %v, want %d lost and %d wrong", l.result, c.lost, c.wrong)
			}
			if (l.result.Err() == nil) != (c.lost+c.wrong == 0) {
				t.Errorf("Err: %v", l.result.Err())
			}
		})
	}
}

func TestTheCheckFindsDamagedAndRepeatedRecords(t *testing.T) {
	t.Parallel()
	l, dir := ledgerOf(t, 2)
	e, err := openEngine(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	log, err := e.Open(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	var first []byte
	if _, err := log.Replay(context.Background(), 0, func(seq uint64, r []byte) error {
		if seq == 1 {
			first = append([]byte(nil), r...)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i, r := range [][]byte{first, []byte("not a record of this test at all")} {
		log.Append(uint64(2+i), r, func(err error) { result <- err })
		if err := <-result; err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := l.check(dir); err != nil || l.result.Wrong != 2 || l.result.Lost != 0 {
		t.Errorf("got %v (%v), want 2 wrong", l.result, err)
	}
}

func TestNothingTestedIsAnError(t *testing.T) {
	t.Parallel()
	if (Result{Rounds: 3}).Err() == nil {
		t.Error("rounds without an acknowledgement are no error")
	}
}
