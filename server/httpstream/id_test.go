package httpstream

import (
	"strings"
	"testing"
)

// An ID gives back what it was made of, only where it was made, and reveals neither part.
func TestIDs(t *testing.T) {
	t.Parallel()
	ids, other := NewIDs(), NewIDs()
	seen := map[ID]bool{}
	for conn := range uint64(1000) {
		place := uint32(conn % 3)
		id := ids.Make(place, conn)
		back, ok := ParseID(id.String())
		if !ok || back != id || seen[id] {
			t.Fatalf("got %v, %v for %v", back, ok, id)
		}
		seen[id] = true
		if gotPlace, gotConn, ok := ids.Read(id); !ok || gotPlace != place || gotConn != conn {
			t.Fatalf("got %d, %d, %v for %d, %d", gotPlace, gotConn, ok, place, conn)
		}
		if gotPlace, gotConn, ok := other.Read(id); ok && gotPlace == place && gotConn == conn {
			t.Fatalf("%v is an ID of another process", id)
		}
	}
	for _, text := range []string{"", "x", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("g", 32)} {
		if _, ok := ParseID(text); ok {
			t.Errorf("%q is an ID", text)
		}
	}
}
