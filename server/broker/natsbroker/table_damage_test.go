//go:build !nonats

package natsbroker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/testkit"
)

// keptEntries are in the table of each test.
var keptEntries = map[string]string{"amy": "value of amy", "bob": "value of bob", "cat": "value of cat", "dan": "value of dan"}

const bucketDir, copyDir = "KV_throng_throng_t", "COPY_throng_throng_t"

// storedTable returns a data directory with keptEntries, as after a stop or as after kill -9.
func storedTable(t *testing.T, killed bool) Options {
	t.Helper()
	o := testOptions(t)
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	table := openTable(t, e)
	for _, key := range []string{"amy", "bob", "cat", "dan", "eve"} {
		if _, err := table.Put(t.Context(), key, []byte("value of "+key), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := table.Delete(t.Context(), "eve"); err != nil {
		t.Fatal(err)
	}
	stored := o
	if killed {
		stored.Dir = filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(stored.Dir, os.DirFS(o.Dir)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return stored
}

func openTable(t *testing.T, e broker.Engine) broker.Table {
	t.Helper()
	table, err := e.Table(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// damage changes one byte of a value in the files of a stream.
func damage(t *testing.T, dir, stream, value string) {
	t.Helper()
	done := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".blk" || filepath.Base(filepath.Dir(filepath.Dir(path))) != stream {
			return err
		}
		text, err := os.ReadFile(path)
		if i := bytes.Index(text, []byte(value)); err == nil && i >= 0 {
			text[i] ^= 1
			done++
			err = os.WriteFile(path, text, 0o600)
		}
		return err
	})
	if err != nil || done != 1 {
		t.Fatalf("damaged %d files of %s: %v", done, stream, err)
	}
}

// firstPass returns what a watch reports first.
func firstPass(t *testing.T, table broker.Table) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	values, whole := map[string]string{}, false
	err := table.Watch(ctx, func(key string, value []byte, _ uint64, current bool) {
		switch {
		case current:
			whole = true
			cancel()
		case value != nil:
			values[key] = string(value)
		}
	})
	if !whole {
		t.Fatalf("the first pass of the watch did not end: %v", err)
	}
	return values
}

// A damaged byte in the files of a table loses no entry, is counted, and is repaired for the next start.
func TestADamagedTableIsRestored(t *testing.T) {
	t.Parallel()
	onDamage(t, "value of bob", func(t *testing.T, run int, stream string, killed bool, e broker.Engine, table broker.Table) {
		h := e.Health()
		if noticed := h.RestoredEntries > 0; noticed != (run == 0 && (stream == bucketDir || !killed)) || h.LostEntries > 0 {
			t.Errorf("run %d: got %d restored and %d lost entries", run, h.RestoredEntries, h.LostEntries)
		}
		if revision, err := table.Put(t.Context(), "amy", []byte("value of amy"), nil, 0); err != nil || revision <= 6 {
			t.Errorf("run %d: got revision %d after 6 changes, error %v", run, revision, err)
		}
	})
}

// An entry that was removed does not come back with the damage of its removal.
func TestADamagedRemovalIsRestored(t *testing.T) {
	t.Parallel()
	onDamage(t, operationHeader+": "+operationOfDeletion, func(*testing.T, int, string, bool, broker.Engine, broker.Table) {})
}

// onDamage damages a text in each stream of a table, after a stop and after a kill. The two starts that follow find the entries that were kept, and
// call check.
func onDamage(t *testing.T, text string, check func(t *testing.T, run int, stream string, killed bool, e broker.Engine, table broker.Table)) {
	for _, killed := range []bool{false, true} {
		for _, stream := range []string{bucketDir, copyDir} {
			t.Run(fmt.Sprintf("%s killed %t", stream, killed), func(t *testing.T) {
				t.Parallel()
				o := storedTable(t, killed)
				damage(t, o.Dir, stream, text)
				for run := range 2 {
					e, err := Open(o)
					if err != nil {
						t.Fatal(err)
					}
					table := openTable(t, e)
					if got := firstPass(t, table); !maps.Equal(got, keptEntries) {
						t.Errorf("run %d: got %v, want %v", run, got, keptEntries)
					}
					check(t, run, stream, killed, e, table)
					if err := e.Close(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// A removal that was stored in the copy only is completed by the next start. A later value stays.
func TestAHalfRemovalIsCompleted(t *testing.T) {
	t.Parallel()
	o := storedTable(t, false)
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	table := openTable(t, e).(*table)
	i := e.(*engine).instance
	for _, key := range []string{"amy", "bob"} { // as a stop after the first half of Delete
		newest, err := table.newest(t.Context(), i)
		if err == nil {
			err = table.deleteCopy(t.Context(), i, key, newest)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := table.put(t.Context(), i, "bob", []byte("value of bob"), nil, 0); err != nil { // and after the first half of Put
		t.Fatal(err)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(keptEntries)
	delete(want, "amy")
	for run := range 2 {
		e := open(t, o)
		if got := firstPass(t, openTable(t, e)); !maps.Equal(got, want) {
			t.Errorf("run %d: got %v, want %v", run, got, want)
		}
		if h := e.Health(); h.RestoredEntries+h.LostEntries > 0 {
			t.Errorf("run %d: got %d restored and %d lost entries, want no damage", run, h.RestoredEntries, h.LostEntries)
		}
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// A table whose files are gone is restored as a whole.
func TestALostTableIsRestored(t *testing.T) {
	t.Parallel()
	o := storedTable(t, false)
	if err := os.RemoveAll(filepath.Join(o.Dir, "jetstream", "jetstream", "$G", "streams", bucketDir)); err != nil {
		t.Fatal(err)
	}
	e := open(t, o)
	if got := firstPass(t, openTable(t, e)); !maps.Equal(got, keptEntries) || e.Health().RestoredEntries != 4 {
		t.Errorf("got %v and %d restored entries, want %v and 4", got, e.Health().RestoredEntries, keptEntries)
	}
}

// An entry whose two copies are damaged is lost, and counted. The others stay.
func TestALossInBothCopiesIsCounted(t *testing.T) {
	t.Parallel()
	o := storedTable(t, false)
	damage(t, o.Dir, bucketDir, "value of bob")
	damage(t, o.Dir, copyDir, "value of bob")
	e := open(t, o)
	want := maps.Clone(keptEntries)
	delete(want, "bob")
	if got := firstPass(t, openTable(t, e)); !maps.Equal(got, want) || e.Health().LostEntries != 1 {
		t.Errorf("got %v and %d lost entries, want %v and 1", got, e.Health().LostEntries, want)
	}
}

// A directory of a version without copies gets them.
func TestATableGetsItsCopy(t *testing.T) {
	t.Parallel()
	o := storedTable(t, false)
	streams := filepath.Join(o.Dir, "jetstream", "jetstream", "$G", "streams")
	for run := range 2 {
		for _, gone := range []string{copyDir, bucketDir}[run : run+1] {
			if err := os.RemoveAll(filepath.Join(streams, gone)); err != nil {
				t.Fatal(err)
			}
		}
		e, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := firstPass(t, openTable(t, e)); !maps.Equal(got, keptEntries) {
			t.Errorf("run %d: got %v, want %v", run, got, keptEntries)
		}
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// An entry with an end has the same end after it was restored, and one that has ended stays away.
func TestRestoredEntriesEnd(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	table := openTable(t, e)
	for key, ttl := range map[string]time.Duration{"soon": time.Second, "later": time.Hour} {
		if _, err := table.Put(t.Context(), key, []byte("value"), nil, ttl); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, "end of the entry", func() bool { return len(firstPass(t, table)) == 1 })
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(o.Dir, "jetstream", "jetstream", "$G", "streams", bucketDir)); err != nil {
		t.Fatal(err)
	}
	again := open(t, o).(*engine)
	if got := firstPass(t, openTable(t, again)); len(got) != 1 || got["later"] == "" {
		t.Errorf("got %v, want the entry with the later end", got)
	}
	i, err := again.running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{bucketDir, copyDir} {
		err := error(errors.New("no entry"))
		_, _, readErr := i.readEntries(t.Context(), stream, func(e storedEntry) {
			if err = nil; e.value != nil && (time.Until(e.ends) > time.Hour || time.Until(e.ends) < 59*time.Minute) {
				err = fmt.Errorf("ends in %s, want less than an hour", time.Until(e.ends))
			}
		})
		if err := errors.Join(err, readErr); err != nil {
			t.Errorf("%s: %v", stream, err)
		}
	}
}

// A watch of a table that is made again ends, so that it misses nothing.
func TestAWatchEndsWithItsBucket(t *testing.T) {
	t.Parallel()
	e := open(t, testOptions(t)).(*engine)
	table := openTable(t, e).(*table)
	if _, err := table.Put(t.Context(), "amy", []byte("1"), nil, 0); err != nil {
		t.Fatal(err)
	}
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- table.Watch(t.Context(), func(key string, _ []byte, _ uint64, current bool) {
			if current && key == "" {
				close(begun)
			}
		})
	}()
	<-begun
	i, err := e.running(t.Context())
	if err == nil {
		err = i.js.DeleteStream(t.Context(), table.stream())
	}
	if err != nil {
		t.Fatal(err)
	}
	table.using <- struct{}{}
	table.ready = nil
	<-table.using
	if _, err := table.Put(t.Context(), "bob", []byte("2"), nil, 0); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got error %v, want ErrUnavailable", err)
	}
	if got := firstPass(t, table); len(got) != 2 {
		t.Errorf("got %v, want two entries", got)
	}
}

// A start after kill -9 warns of nothing if nothing is damaged.
func TestAKilledTableOpensWithoutAWarning(t *testing.T) {
	t.Parallel()
	o := storedTable(t, true)
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	openTable(t, e)
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Contains(text, "level=WARN") || !strings.Contains(text, "TTL state is outdated") {
		t.Errorf("got the log\n%s\nwant the message of the index at level DEBUG, and no warning", text)
	}
}
