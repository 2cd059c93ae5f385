package result

import (
	"testing"

	"github.com/throng-chat/throng/bench/histogram"
)

func TestPercentileNeedsTenValuesBeyond(t *testing.T) {
	var h histogram.Histogram
	for range 1000 {
		h.Record(1)
	}
	d, err := Distribute(&h)
	if err != nil {
		t.Fatal(err)
	}
	if d.P99 == nil || d.P999 != nil {
		t.Errorf("of 1000 values: got p99 %v, p99.9 %v, want the first only", d.P99, d.P999)
	}
}
