package timeline

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTheEndsOfTheTimeline(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	check := func(first, last, position uint64) {
		t.Helper()
		gotFirst, firstTime := r.First()
		gotLast, lastTime := r.Last()
		if gotFirst != first || gotLast != last || r.Position() != position {
			t.Errorf("got the first %d, the last %d, position %d, want %d, %d, %d", gotFirst, gotLast, r.Position(), first, last, position)
		}
		if first > 0 && (firstTime != 1_000_000+int64(first) || lastTime != 1_000_000+int64(last)) {
			t.Errorf("got the times %d and %d", firstTime, lastTime)
		}
	}
	check(0, 0, 0)
	r.say(ann, `{"id":"a","text":"x"}`)
	r.say(ann, `{"id":"b","text":"x"}`)
	r.say(ann, `{"type":"edit","of":"a","text":"y"}`)
	r.say(Author{}, `"plain"`)
	r.say(ann, `{"type":"edit","of":"b","text":"y"}`)
	check(1, 4, 5)
	for name, want := range map[string]uint64{"a": 1, "b": 2, "#4": 4, "#1": 0, "c": 0, "": 0, "#": 0, "#04": 0, "#4 ": 0, "#18446744073709551616": 0} {
		if got, ok := r.Find(name); got != want || ok != (want > 0) {
			t.Errorf("%q: got %d, %v, want %d", name, got, ok, want)
		}
	}
	r.DropOldest()
	check(2, 4, 5)
	r.DropOldest()
	r.DropOldest()
	check(0, 0, 5)
	if offset, freed := r.DropOldest(); offset != 0 || freed != 0 {
		t.Errorf("of an empty timeline: evicted %d, %d bytes", offset, freed)
	}
	if _, ok := r.At(4, ""); ok {
		t.Error("an evicted message is still there")
	}
}

// The list equals a slice after random steps, and its memory follows its length.
func TestADequeIsAList(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var d deque[int]
	var want []int
	for step := range 100_000 {
		grows := step/2_000%2 == 0
		switch n := random.IntN(10); {
		case len(want) == 0 || n < 4 && grows || n == 0:
			d.push(step)
			want = append(want, step)
		case n < 5:
			i := random.IntN(len(want) + 1)
			d.insert(i, step)
			want = slices.Insert(want, i, step)
		case n < 6:
			i := random.IntN(len(want))
			d.remove(i)
			want = slices.Delete(want, i, i+1)
		default:
			if got := d.popFront(); got != want[0] {
				t.Fatalf("step %d: got %d, want %d", step, got, want[0])
			}
			want = want[1:]
		}
		if got := d.items[d.head:]; !slices.Equal(got, want) {
			t.Fatalf("step %d: got %v, want %v", step, got, want)
		}
		if cap(d.items) > 8*len(want)+160 {
			t.Fatalf("step %d: %d places for %d elements", step, cap(d.items), len(want))
		}
	}
}

func TestASearchFindsTheFirst(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		var d deque[int]
		for i := range n {
			d.push(i)
		}
		for want := range n + 1 {
			if got := d.search(func(v int) bool { return v >= want }); got != want {
				t.Errorf("%d of %d: got %d", want, n, got)
			}
		}
	}
}

// The cost of an eviction does not grow with the number of messages: a timeline of any size loses its oldest by as many steps.
func TestAnEvictionTakesNoMoreAllocationsInALargeTimeline(t *testing.T) {
	r := newRoom(t)
	fill(r, 5_000)
	if allocs := testing.AllocsPerRun(1000, func() { r.DropOldest() }); allocs > 1 {
		t.Errorf("got %v allocations for each eviction, want 1 at most", allocs)
	}
}

func BenchmarkDropOldest(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRoom(b)
			fill(r, n)
			b.ResetTimer()
			for range b.N {
				if r.Count() == n/2 {
					b.StopTimer()
					r = newRoom(b)
					fill(r, n)
					b.StartTimer()
				}
				r.DropOldest()
			}
		})
	}
}

// The largest single steps: a message with 10,000 reactions.
func BenchmarkOf10000Reactions(b *testing.B) {
	r := newRoom(b)
	react := func() {
		r.say(ann, `{"id":"a","text":"x"}`)
		for i := range MaxReactions {
			r.say(Author{User: fmt.Sprintf("5f3b7c1e-%04d-4a77-9c7e-1b2d3c4e5f60", i)}, `{"type":"reaction","of":"a","emoji":"👍","on":true}`)
		}
	}
	react()
	b.Run("snapshot", func(b *testing.B) {
		for b.Loop() {
			r.Snapshot(1)
		}
	})
	whole := r.Snapshot(1)
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			var t Timeline
			if _, err := t.Restore(whole); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("evict", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			var t Timeline
			if _, err := t.Restore(whole); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			t.DropOldest()
		}
	})
}
