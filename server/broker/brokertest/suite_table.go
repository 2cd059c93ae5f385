package brokertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

func put(t testing.TB, table broker.Table, key, value string) uint64 {
	t.Helper()
	revision, err := table.Put(within(t), key, []byte(value), nil, 0)
	if err != nil {
		t.Fatalf("Put of %q: %v", key, err)
	}
	return revision
}

// contents is the first pass of a watch.
func contents(t testing.TB, table broker.Table) (values map[string]string, revisions map[string]uint64) {
	t.Helper()
	values, revisions = map[string]string{}, map[string]uint64{}
	ctx, cancel := context.WithCancel(within(t))
	err := table.Watch(ctx, func(key string, value []byte, revision uint64, current bool) {
		switch {
		case current:
			cancel()
		case value == nil:
			delete(values, key)
			delete(revisions, key)
		default:
			values[key], revisions[key] = string(value), revision
		}
	})
	wantError(t, "watch that was ended", err, context.Canceled)
	return values, revisions
}

func revisionsRise(t testing.TB, c Config) {
	table := openTable(t, c.Start(t), "names")
	var last uint64
	for i := range 20 {
		var revision uint64
		var err error
		if i%4 == 3 {
			revision, err = table.Delete(within(t), fmt.Sprint("key-", i%3))
		} else {
			revision, err = table.Put(within(t), fmt.Sprint("key-", i%3), []byte("value"), nil, 0)
		}
		if err != nil || revision <= last {
			t.Fatalf("change %d has revision %d and error %v, want more than %d", i, revision, err, last)
		}
		last = revision
	}
}

func putCompares(t testing.TB, c Config) {
	table := openTable(t, c.Start(t), "names")
	first := put(t, table, "key", "one")
	other := put(t, table, "other", "value")
	none := uint64(0)
	for revision, want := range map[uint64]error{none: broker.ErrConflict, first + 1000: broker.ErrConflict, other: broker.ErrConflict, first: nil} {
		if want == nil {
			continue
		}
		_, err := table.Put(within(t), "key", []byte("wrong"), &revision, 0)
		wantError(t, fmt.Sprintf("Put with revision %d, the key has %d", revision, first), err, want)
	}
	second, err := table.Put(within(t), "key", []byte("two"), &first, 0)
	if err != nil {
		t.Fatalf("Put with the right revision: %v", err)
	}
	_, err = table.Put(within(t), "key", []byte("wrong"), &first, 0)
	wantError(t, "Put with an old revision", err, broker.ErrConflict)
	if _, err := table.Delete(within(t), "key"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	_, err = table.Put(within(t), "key", []byte("wrong"), &second, 0)
	wantError(t, "Put with the revision of a removed value", err, broker.ErrConflict)
	for _, key := range []string{"key", "new"} {
		if _, err := table.Put(within(t), key, []byte("three"), &none, 0); err != nil {
			t.Errorf("Put of %q with revision 0, the key has no value: %v", key, err)
		}
	}
	want := map[string]string{"key": "three", "new": "three", "other": "value"}
	if got, _ := contents(t, table); !maps.Equal(got, want) {
		t.Errorf("the table has %v, want %v", got, want)
	}
}

func onePutWins(t testing.TB, c Config) {
	table := openTable(t, c.Start(t), "names")
	revision := put(t, table, "key", "0")
	for round := range 10 {
		type result struct {
			revision uint64
			err      error
		}
		results := make(chan result, 3)
		var wait sync.WaitGroup
		for i := range 3 {
			wait.Go(func() {
				r, err := table.Put(within(t), "key", fmt.Append(nil, round, i), &revision, 0)
				results <- result{r, err}
			})
		}
		wait.Wait()
		winners := 0
		before := revision
		for range 3 {
			if r := <-results; r.err == nil {
				winners++
				revision = r.revision
			} else {
				wantError(t, "Put of the others", r.err, broker.ErrConflict)
			}
		}
		if winners != 1 {
			t.Fatalf("%d Puts with revision %d succeeded, want 1", winners, before)
		}
	}
}

// change is one call of the function of a watch.
type change struct {
	key, value string // value "-": removed
	current    bool
}

// watch watches a table until the test ends. The result of Watch comes at last.
func watch(t testing.TB, table broker.Table) (changes <-chan change, ended <-chan error) {
	c, e := make(chan change, 1000), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		var last uint64
		e <- table.Watch(ctx, func(key string, value []byte, revision uint64, current bool) {
			switch {
			case key == "" && current:
			case revision <= last && current:
				t.Errorf("the watch reported revision %d behind %d", revision, last)
			default:
				last = max(last, revision)
			}
			if value == nil && key != "" {
				value = []byte("-")
			}
			c <- change{key, string(value), current}
		})
	})
	t.Cleanup(func() { cancel(); wait.Wait() })
	return c, e
}

// until receives changes until one is wanted.
func until(t testing.TB, changes <-chan change, want change) {
	t.Helper()
	for {
		if got := receive(t, changes, fmt.Sprintf("report of %v by the watch", want)); got == want {
			return
		} else if got.key == want.key && got.value != want.value && want.key == "" {
			t.Fatalf("the watch reported %v, want %v", got, want)
		}
	}
}

func watchReports(t testing.TB, c Config) {
	e := c.Start(t)
	table, empty := openTable(t, e, "names"), openTable(t, e, "empty")
	nothing, _ := watch(t, empty)
	if got := receive(t, nothing, "end of the first pass of an empty table"); got != (change{current: true}) {
		t.Errorf("the first report of an empty table is %v, want the end of the first pass", got)
	}

	put(t, table, "a", "1")
	put(t, table, "b", "2")
	put(t, table, "gone", "3")
	if _, err := table.Delete(within(t), "gone"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	changes, _ := watch(t, table)
	first := map[string]string{}
	for {
		got := receive(t, changes, "first pass")
		if got.current {
			if got.key != "" {
				t.Errorf("the first pass ended with %v, want the key \"\"", got)
			}
			break
		}
		if got.value == "-" {
			delete(first, got.key)
		} else {
			first[got.key] = got.value
		}
	}
	if want := map[string]string{"a": "1", "b": "2"}; !maps.Equal(first, want) {
		t.Errorf("the first pass has %v, want %v", first, want)
	}

	put(t, table, "a", "4")
	until(t, changes, change{"a", "4", true})
	if _, err := table.Delete(within(t), "b"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	until(t, changes, change{"b", "-", true})
	put(t, empty, "a", "5")
	until(t, nothing, change{"a", "5", true})
}

func keysEnd(t testing.TB, c Config) {
	table := openTable(t, c.Start(t), "names")
	changes, _ := watch(t, table)
	until(t, changes, change{current: true})
	put(t, table, "stays", "1")
	for _, key := range []string{"ends", "renewed"} {
		if _, err := table.Put(within(t), key, []byte("2"), nil, 300*time.Millisecond); err != nil {
			t.Fatalf("Put with ttl: %v", err)
		}
	}
	revision := put(t, table, "renewed", "3")
	if c.Advance != nil {
		c.Advance(time.Second)
	}
	until(t, changes, change{"ends", "-", true})
	// A second key ends later, so each report about the renewed key would have come.
	if _, err := table.Put(within(t), "ends", []byte("4"), nil, 2*time.Second); err != nil {
		t.Fatalf("Put with ttl: %v", err)
	}
	if c.Advance != nil {
		c.Advance(2 * time.Second)
	}
	until(t, changes, change{"ends", "-", true})
	values, revisions := contents(t, table)
	if want := map[string]string{"stays": "1", "renewed": "3"}; !maps.Equal(values, want) {
		t.Errorf("after the end of a key the table has %v, want %v", values, want)
	}
	if revisions["renewed"] != revision {
		t.Errorf("the renewed key has revision %d, want %d", revisions["renewed"], revision)
	}
	none := uint64(0)
	if _, err := table.Put(within(t), "ends", []byte("5"), &none, 0); err != nil {
		t.Errorf("Put with revision 0 after the key has ended: %v", err)
	}
}

func tablesSurviveARestart(t testing.TB, c Config) {
	e := c.Start(t)
	table := openTable(t, e, "names")
	put(t, table, "a", "1")
	put(t, table, "b", "2")
	last := put(t, table, "a", "3")
	put(t, openTable(t, e, "others"), "a", "other")
	stop(t, e)

	e = c.Start(t)
	table = openTable(t, e, "names")
	values, revisions := contents(t, table)
	if want := map[string]string{"a": "3", "b": "2"}; !maps.Equal(values, want) || revisions["a"] != last {
		t.Errorf("after a restart the table has %v with revisions %v, want %v with %d for a", values, revisions, want, last)
	}
	if next, err := table.Put(within(t), "a", []byte("4"), &last, 0); err != nil || next <= last {
		t.Errorf("Put after a restart: revision %d, error %v; want more than %d", next, err, last)
	}
}

func namesAreChecked(t testing.TB, c Config) {
	e := c.Start(t)
	if _, err := e.Table(within(t), "a.b"); err == nil {
		t.Error("a table with the name a.b is opened")
	}
	table := openTable(t, e, "names")
	for _, key := range []string{"", "a.b", "*", ">", "a b", "é"} {
		if _, err := table.Put(within(t), key, []byte("value"), nil, 0); err == nil {
			t.Errorf("Put accepts the key %q", key)
		}
		if _, err := table.Delete(within(t), key); err == nil {
			t.Errorf("Delete accepts the key %q", key)
		}
	}
	for _, size := range []int{0, broker.MaxValue + 1} {
		if _, err := table.Put(within(t), "key", make([]byte, size), nil, 0); err == nil {
			t.Errorf("Put accepts a value of %d bytes", size)
		}
	}
	if _, err := table.Put(within(t), "key", make([]byte, broker.MaxValue), nil, 0); err != nil {
		t.Errorf("Put of a value of %d bytes: %v", broker.MaxValue, err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := table.Put(canceled, "key", []byte("value"), nil, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Put with an ended context: %v", err)
	}
}
