package marker

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Names of every length, entries that are removed and come again, and more epochs than a table has.
func TestATableIsLikeAMap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		table, want := &Table{}, map[string]Entry{}
		epoch := uint64(0)
		for range 20_000 {
			e := Entry{User: fmt.Sprint(rnd.IntN(1 + 100*int(seed))), Number: 1 + rnd.Uint64N(100), At: rnd.Uint32(), Epoch: epoch}
			switch rnd.IntN(20) {
			case 0:
				e.User = ""
			case 1:
				e.User += strings.Repeat("x", rnd.IntN(MaxName-4))
			case 2, 3, 4:
				e.Number, e.Epoch = 0, 0
			case 5:
				epoch = rnd.Uint64N(200)
			}
			before := table.Set(e)
			was := want[e.User]
			if before.Number != was.Number || before.Epoch != was.Epoch || before.At != was.At && was.Number > 0 {
				t.Fatalf("seed %d: got %+v before %+v, want %+v", seed, before, e, was)
			}
			want[e.User] = e
			if e.Number == 0 {
				delete(want, e.User)
			}
			if got := table.Get(e.User); got.Number != e.Number || got.Epoch != e.Epoch {
				t.Fatalf("seed %d: got %+v, want %+v", seed, got, e)
			}
		}
		n := 0
		for e := range table.All() {
			if n++; want[e.User] != e {
				t.Fatalf("seed %d: got %+v, want %+v", seed, e, want[e.User])
			}
		}
		if n != len(want) || table.Len() != n {
			t.Fatalf("seed %d: got %d entries and %d, want %d", seed, n, table.Len(), len(want))
		}
	}
}

// Only a table of more than 255 epochs forgets some: never the newest.
func TestAnOldEpochEndsBeforeANewOne(t *testing.T) {
	t.Parallel()
	table := &Table{}
	for epoch := range uint64(1000) {
		table.Set(Entry{User: fmt.Sprint(epoch), Number: 1, Epoch: epoch})
		if got := table.Get(fmt.Sprint(epoch)); got.Epoch != epoch {
			t.Fatalf("got epoch %d, want %d", got.Epoch, epoch)
		}
	}
	for e := range table.All() {
		if e.Epoch != 0 && fmt.Sprint(e.Epoch) != e.User {
			t.Errorf("%s: got epoch %d", e.User, e.Epoch)
		}
	}
}

// This test is serial: it measures the heap.
func TestTwentyThousandMarkersTake64BytesEach(t *testing.T) {
	const users = 20_000
	names := make([]string, users)
	for i := range names {
		names[i] = fmt.Sprintf("%08x-1b2c-4d3e-8f90-%012x", i, i) // 36 bytes
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	table := &Table{}
	for i, name := range names {
		table.Set(Entry{User: name, Number: uint64(i + 1), Epoch: 1 << 60, At: 7})
	}
	each := float64(heap()-before) / users
	t.Logf("%.1f bytes a user", each)
	if each > 64 {
		t.Errorf("got %.1f bytes a user, want 64 at most", each)
	}
	if counted := float64(table.Bytes()) / users; counted < each*0.95 || counted > each*1.05 {
		t.Errorf("Bytes counts %.1f bytes a user, the heap has %.1f", counted, each)
	}
	runtime.KeepAlive(names)
}

// Users who come and go leave no bytes behind.
func TestRemovedEntriesTakeNoMemory(t *testing.T) {
	t.Parallel()
	table := &Table{}
	for i := range 300_000 {
		table.Set(Entry{User: fmt.Sprint("user ", i), Number: 1})
		if i >= 100 {
			table.Set(Entry{User: fmt.Sprint("user ", i-100)})
		}
		if table.Bytes() > 64<<10 {
			t.Fatalf("got %d bytes with %d users", table.Bytes(), table.Len())
		}
	}
}

func TestTheLowestAreThoseFurthestBehind(t *testing.T) {
	t.Parallel()
	table := &Table{}
	if got := table.Lowest(10, 1); len(got) > 0 {
		t.Errorf("got %v of an empty table", got)
	}
	const users = 10_000
	for i := range users {
		epoch := uint64(1)
		if i >= users-100 {
			epoch = 2
		}
		table.Set(Entry{User: fmt.Sprint(i), Number: uint64(i + 1), Epoch: epoch})
	}
	low := table.Lowest(users, 1)
	if len(low) < users/20 || len(low) > users/4 {
		t.Errorf("got %d of %d users, want about an eighth", len(low), users)
	}
	for _, user := range low {
		if e := table.Get(user); e.Epoch == 1 && e.Number > users/4 {
			t.Errorf("got a user at %d", e.Number)
		}
	}
	if !slices.Contains(low, fmt.Sprint(users-1)) {
		t.Error("a number of another epoch is not among the lowest")
	}
	if got := table.Lowest(7, 1); len(got) != 7 {
		t.Errorf("got %d users, want 7", len(got))
	}
	one := &Table{}
	one.Set(Entry{User: "ann", Number: 5})
	if got := one.Lowest(3, 9); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("got %v of one user", got)
	}
}

func BenchmarkSet(b *testing.B) {
	const users = 20_000
	names := make([]string, users)
	for i := range names {
		names[i] = fmt.Sprintf("%08x-1b2c-4d3e-8f90-%012x", i, i)
	}
	table := &Table{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Set(Entry{User: names[i%users], Number: uint64(i + 1), Epoch: 1 << 60})
	}
	b.ReportMetric(float64(table.Bytes())/float64(table.Len()), "B/user")
}

func BenchmarkLowest(b *testing.B) {
	table := &Table{}
	for i := range MaxMarkers {
		table.Set(Entry{User: fmt.Sprintf("%036d", i), Number: uint64(i + 1), Epoch: 1})
	}
	for b.Loop() {
		table.Lowest(256, 1)
	}
}
