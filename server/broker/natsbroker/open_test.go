//go:build !nonats

package natsbroker

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/datadir"
	"github.com/throng-chat/throng/server/testkit"
)

func TestADirectoryHasOneEngineAtATime(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	first := open(t, o)
	_, err := Open(o)
	var inUse *datadir.InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Fatalf("second Open: %v, want an InUseError with process %d", err, os.Getpid())
	}
	if err := first.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	open(t, o)
}

func TestTheDataOfAnotherClusterIsRejected(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	if err := open(t, o).Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	o.Cluster = "other"
	var foreign *datadir.ForeignError
	if _, err := Open(o); !errors.As(err, &foreign) {
		t.Errorf("Open: %v, want a ForeignError", err)
	}
}

func TestWrongOptionsAreRejected(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"Dir": func(o *Options) { o.Dir = "" }, "cluster": func(o *Options) { o.Cluster = "a.b" },
		"MaxStore": func(o *Options) { o.MaxStore = -1 }, "MaxAge": func(o *Options) { o.MaxAge = time.Millisecond },
	} {
		o := testOptions(t)
		change(&o)
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got error %v, want one that names it", name, err)
		}
	}
}

// The engine has no listener: its server is reached inside of the process only.
func TestTheEngineOpensNoPort(t *testing.T) {
	t.Parallel()
	e := open(t, testOptions(t)).(*engine)
	if addr := e.instance.server.Addr(); addr != nil {
		t.Errorf("the server listens on %v", addr)
	}
	if _, err := os.Stat(filepath.Join(e.options.Dir, "jetstream", "jetstream")); err != nil {
		t.Errorf("the engine has its files in another directory: %v", err)
	}
}

func TestRecordsEndAfterMaxAge(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.MaxAge = time.Second
	l := openedLog(t, open(t, o))
	mustAppend(t, l, 0, "one")
	testkit.Eventually(t, "the end of the record", func() bool {
		first, last, err := l.Extent(context.Background())
		return err == nil && first == 2 && last == 1
	})
	if last, err := l.Replay(context.Background(), 0, func(uint64, []byte) error { return errors.New("a record") }); last != 1 || err != nil {
		t.Errorf("Replay after the end of all records: %d, %v; want 1", last, err)
	}
}

// A change of MaxAge applies to a log that exists, and keeps its identity.
func TestMaxAgeMayChange(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	var ids [3]string
	for run, age := range []time.Duration{0, time.Hour, 0} {
		o.MaxAge = age
		e := open(t, o)
		l := openedLog(t, e)
		ids[run] = l.ID()
		if got := l.(*openLog).stream.CachedInfo().Config.MaxAge; got != age {
			t.Errorf("run %d: MaxAge is %s, want %s", run, got, age)
		}
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if ids[0] != ids[1] || ids[0] != ids[2] {
		t.Errorf("the log has the IDs %q, want the same in each run", ids)
	}
}

// MaxStore is a full disk of another cause. Trim makes room.
func TestAFullStoreTakesRecordsAgainAfterTrim(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.MaxStore = 1 << 20
	e := open(t, o)
	l := openedLog(t, e)
	record := strings.Repeat("r", 100_000)
	last := uint64(0)
	err := error(nil)
	for ; err == nil && last < 20; last++ {
		err = appended(t, l, last, record)
	}
	if !errors.Is(err, broker.ErrFull) {
		t.Fatalf("append %d of 100 kB to a store of 1 MiB: %v, want ErrFull", last, err)
	}
	l.Close()
	l = openedLog(t, e)
	_, last, err = l.Extent(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Trim(context.Background(), last-1); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, last, record)
}

// An append that was made, and is not sent, is not asked for: its probe would be answered first.
func TestAProbeIsBehindTheAppendsThatWereSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		open []*appending
		want uint64
	}{
		{nil, 0},
		{[]*appending{{number: 4}}, 0},
		{[]*appending{{number: 4, sent: true}, {number: 5}}, 4},
		{[]*appending{{number: 4, sent: true}, {number: 5, sent: true}}, 5},
	} {
		if got := lastSent(c.open); got != c.want {
			t.Errorf("%d open appends: got %d, want %d", len(c.open), got, c.want)
		}
	}
}

// Records that are removed during a replay are not lost.
func TestATrimDuringAReplayIsNoLoss(t *testing.T) {
	t.Parallel()
	const records, trimmed = 100, 70
	e := open(t, testOptions(t))
	l := openedLog(t, e)
	for i := range uint64(records) {
		mustAppend(t, l, i, strings.Repeat("r", 100_000)) // so that the replay needs several requests
	}
	found := 0
	last, err := l.Replay(context.Background(), 0, func(seq uint64, record []byte) error {
		if record == nil {
			t.Errorf("record %d is reported as lost", seq)
		}
		found++
		if seq == 1 {
			return l.Trim(context.Background(), trimmed)
		}
		return nil
	})
	if last != records || err != nil || found < records-trimmed+1 || found == records || e.Health().Lost != 0 {
		t.Errorf("Replay: last number %d, error %v, %d records, %d lost; want %d, and some of the removed records", last, err, found, e.Health().Lost, records)
	}
}

// The server stops its streams by itself after some errors of the file system.
func TestAServerThatGivesUpIsReplaced(t *testing.T) {
	t.Parallel()
	e := open(t, testOptions(t)).(*engine)
	l := openedLog(t, e)
	mustAppend(t, l, 0, "one")
	if err := e.instance.server.ShutdownJetStream(); err != nil {
		t.Fatal(err)
	}
	if err := appended(t, l, 1, "two"); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("append to a server that gave up: %v, want ErrUnavailable", err)
	}
	l.Close()
	testkit.Eventually(t, "engine that works again", func() bool {
		again, err := e.Open(context.Background(), 0)
		if err != nil {
			return false
		}
		defer again.Close()
		return appended(t, again, 1, "two") == nil
	})
}

func openedLog(t testing.TB, e broker.Engine) broker.Log {
	t.Helper()
	l, err := e.Open(context.Background(), 0)
	if err != nil {
		t.Fatalf("Open of a log: %v", err)
	}
	return l
}

func appended(t testing.TB, l broker.Log, expected uint64, record string) error {
	t.Helper()
	result := make(chan error, 1)
	l.Append(expected, []byte(record), func(err error) { result <- err })
	select {
	case err := <-result:
		return err
	case <-time.After(time.Minute):
		t.Fatal("done was not called")
		return nil
	}
}

func mustAppend(t testing.TB, l broker.Log, expected uint64, record string) {
	t.Helper()
	if err := appended(t, l, expected, record); err != nil {
		t.Fatalf("append of record %d: %v", expected+1, err)
	}
}

// A mark that is too high would make the next start store messages without end.
func TestEachFlippedBitOfTheMarksIsFound(t *testing.T) {
	t.Parallel()
	marks := map[string]mark{"log": {ID: "0123456789abcdef", Last: 1_234}}
	text, err := formatMarks(marks)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseMarks(text); err != nil || !maps.Equal(got, marks) {
		t.Fatalf("got %v, %v; want %v", got, err, marks)
	}
	for bit := range 8 * len(text) {
		damaged := bytes.Clone(text)
		damaged[bit/8] ^= 1 << (bit % 8)
		if got, err := parseMarks(damaged); err == nil {
			t.Errorf("bit %d: %q is read as %v", bit, damaged, got)
		}
	}
	// Older versions wrote no checksum.
	if got, err := parseMarks([]byte(`{"log":{"id":"0123456789abcdef","last":1234}}`)); err != nil || !maps.Equal(got, marks) {
		t.Errorf("without a checksum: got %v, %v", got, err)
	}
}

// A log without its directory stores nothing: appends fail, and nothing is created in its place. It continues when the directory is back.
func TestARemovedDirectoryTakesNoRecords(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.Dir = filepath.Join(t.TempDir(), "data")
	e := open(t, o)
	l := openedLog(t, e)
	mustAppend(t, l, 0, "one")
	if err := os.Rename(o.Dir, o.Dir+".moved"); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "health that names the directory", func() bool {
		err := e.Health().Err
		return errors.Is(err, broker.ErrUnavailable) && strings.Contains(err.Error(), "was removed or replaced")
	})
	if err := l.Err(); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v of the log, want ErrUnavailable", err)
	}
	if err := appended(t, l, 1, "lost"); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("append: %v, want ErrUnavailable", err)
	}
	l.Close()
	if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the engine has made the directory again: %v", err)
	}
	if err := os.Rename(o.Dir+".moved", o.Dir); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "engine that works again", func() bool { return e.Health().Err == nil })
	again := openedLog(t, e)
	mustAppend(t, again, wantReplay(t, again, [][]byte{[]byte("one")}), "two")
	if err := again.Err(); err != nil {
		t.Errorf("got %v of a log that works", err)
	}
}

// wantReplay checks that the log has at least the records with these texts, in order, from number 1 on. It returns the last number.
func wantReplay(t *testing.T, l broker.Log, want [][]byte) uint64 {
	t.Helper()
	last, err := l.Replay(context.Background(), 0, func(seq uint64, record []byte) error {
		if seq <= uint64(len(want)) && !bytes.Equal(record, want[seq-1]) {
			t.Errorf("record %d: got %d bytes (%.20q), want %.20q", seq, len(record), record, want[seq-1])
		}
		return nil
	})
	if err != nil || last < uint64(len(want)) {
		t.Errorf("Replay: last number %d, error %v; want %d or more", last, err, len(want))
	}
	return last
}

// A replica whose answer is lost on its link does not keep a replay for ever.
func TestAReadWithoutAnAnswerEnds(t *testing.T) {
	t.Parallel()
	e := open(t, testOptions(t)).(*engine)
	r, err := e.instance.newReader("none")
	if err != nil {
		t.Fatal(err)
	}
	defer r.conn.Close()
	if r.within != 0 {
		t.Errorf("one node: got %v for an answer, want no limit: the disk may be slow", r.within)
	}
	r.subject, r.within = "unanswered", 20*time.Millisecond
	if _, err := e.instance.conn.SubscribeSync(r.subject); err != nil {
		t.Fatal(err)
	}
	if err := e.instance.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	err = r.read(t.Context(), 1, func(uint64, []byte) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the time is over", err)
	}
}
