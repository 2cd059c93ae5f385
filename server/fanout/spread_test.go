package fanout

import (
	"testing"
	"time"
)

// With at least 34 clients and 3.4 s, no 100 ms have more than 3 % of the goodbyes. Fewer clients have 100 ms each.
func TestGoodbyesAreSpread(t *testing.T) {
	t.Parallel()
	for _, conns := range []int{1, 3, 34, 100, 1000, 12345, 1 << 20} {
		for _, within := range []time.Duration{0, 3500 * time.Millisecond, 8 * time.Second} {
			parts := SpreadParts(conns, within)
			if took := time.Duration(parts) * SpreadTick; took > max(within, SpreadTick) || took > time.Duration(conns)*spreadEach {
				t.Errorf("%d connections within %v: got %d parts", conns, within, parts)
			}
			if within == 0 {
				continue
			}
			slot := int(100 * time.Millisecond / SpreadTick)
			most := 0
			for part := 0; part+slot <= parts; part++ {
				most = max(most, conns*(part+slot)/parts-conns*part/parts)
			}
			if limit := max(1, conns*3/100); most > limit {
				t.Errorf("%d connections within %v: %d of them in 100 ms, want at most %d", conns, within, most, limit)
			}
		}
	}
}
