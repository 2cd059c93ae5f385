package recent

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The table has the same entries as a list in the order of Put.
func TestATableIsAListInTheOrderOfPut(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 1, 2, 17, 100} {
		r := Table[int]{Max: most}
		type pair struct {
			key   uint64
			value int
		}
		var want []pair
		at := func(key uint64) int { return slices.IndexFunc(want, func(p pair) bool { return p.key == key }) }
		for n := range 20_000 {
			key := rand.Uint64N(uint64(2*most+3)) << (8 * rand.Uint64N(3)) // some share a bucket
			switch i := at(key); rand.IntN(4) {
			case 0:
				r.Remove(key)
				if i >= 0 {
					want = slices.Delete(want, i, i+1)
				}
			case 1:
				if got := r.Get(key); (got != nil) != (i >= 0) || got != nil && *got != want[i].value {
					t.Fatalf("most %d: got %v for key %d, want %v", most, got, key, want)
				}
			default:
				if i >= 0 {
					want = slices.Delete(want, i, i+1)
				}
				want = append(want, pair{key, n})
				full := len(want) > most
				dropped, wasFull := r.Put(key, n)
				if wasFull != full || full && dropped != want[0].key {
					t.Fatalf("most %d: got %d dropped, %v; want %v of %v", most, dropped, wasFull, full, want)
				}
				if full {
					want = want[1:]
				}
			}
			if r.Count != len(want) || len(r.nodes) > most {
				t.Fatalf("most %d: got %d entries in %d nodes, want %d", most, r.Count, len(r.nodes), len(want))
			}
			if first := r.First(); (first != nil) != (len(want) > 0) || first != nil && *first != want[0].value {
				t.Fatalf("most %d: got %v as the oldest of %v", most, first, want)
			}
		}
	}
}
