package record

import (
	"fmt"
	"testing"
)

// The log of a room is in the data of clusters: it stays as it is. Rooms are spread evenly, and the values of users are in log 0.
func TestTheLogOfARoomStays(t *testing.T) {
	t.Parallel()
	for room, want := range map[string]int{"": 0, "lobby": 3, "chat:1": 3, "#ann,ben": 2, "комната": 1} {
		if got := LogOf(room, 4); got != want {
			t.Errorf("%q: got log %d of 4, want %d", room, got, want)
		}
		if got := LogOf(room, 1); got != 0 {
			t.Errorf("%q: got log %d of 1", room, got)
		}
	}
	var rooms [4]int
	for i := range 10_000 {
		rooms[LogOf(fmt.Sprint("chat:", i), len(rooms))]++
	}
	for i, n := range rooms {
		if n < 2300 || n > 2700 {
			t.Errorf("log %d has %d of 10,000 rooms, want about 2,500", i, n)
		}
	}
}
