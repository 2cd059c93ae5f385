package importing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Runs on disk give the order that one sort in memory gives: by time, and of one time the order in which they were added.
func TestTheSorterIsStableOnDisk(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 1000, 10_000, maxRun} {
		so := newSorter()
		so.limit = limit
		defer so.close()
		random := rand.New(rand.NewPCG(1, uint64(limit)))
		var want []item
		for i := range 500 {
			it := item{micro: random.Int64N(50) - 10, room: fmt.Sprint("room ", i%7), message: fmt.Sprint(i), fields: make([]byte, random.IntN(300))}
			want = append(want, it)
			if err := so.add(it); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortStableFunc(want, func(a, b item) int { return int(a.micro - b.micro) })
		i := 0
		err := so.merge(t.Context(), func(it *item) error {
			if w := want[i]; it.micro != w.micro || it.room != w.room || it.message != w.message || len(it.fields) != len(w.fields) {
				t.Fatalf("limit %d, item %d: got %+v, want %+v", limit, i, it, w)
			}
			i++
			return nil
		})
		if err != nil || i != len(want) {
			t.Errorf("limit %d: got %d items, %v", limit, i, err)
		}
		if limit == 1000 && len(so.runs) < 20 {
			t.Errorf("got %d runs, so the test is not valid", len(so.runs))
		}
	}
}
