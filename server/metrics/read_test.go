package metrics

import (
	"reflect"
	"testing"
)

func TestCollectorsCanBeRead(t *testing.T) {
	t.Parallel()
	m := New([]string{"", "client"})
	m.Messages.Add(3)
	if got := Value(m.Messages); got != 3 {
		t.Errorf("got %d, want 3", got)
	}
	for _, seconds := range []float64{0.00005, 0.00015, 0.00016, 100} {
		m.LoopLag.Observe(seconds)
	}
	bounds, counts := Counts(m.LoopLag)
	if len(bounds) != 16 || bounds[0] != 0.0001 || len(counts) != 17 {
		t.Fatalf("got bounds %v and %d counts, want 16 from 0.0001, and one count more", bounds, len(counts))
	}
	want := make([]uint64, 17)
	want[0], want[1], want[16] = 1, 2, 1
	if !reflect.DeepEqual(counts, want) {
		t.Errorf("got %v, want %v", counts, want)
	}
}
