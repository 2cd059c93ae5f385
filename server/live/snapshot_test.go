package live

import (
	"reflect"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

// A server with many rooms walks through them less often, and the rates are those of the time between.
func TestWalksThroughRoomsTakeAShareOfTheTime(t *testing.T) {
	t.Parallel()
	start := time.Now()
	he := heaviest{at: start}
	walks := 0
	renew := func(after time.Duration) []roomRow {
		return he.renew(start.Add(after), func() []chat.RoomTraffic {
			walks++
			return []chat.RoomTraffic{{Name: "a", Members: 2, Messages: 30, Deliveries: 60}}
		}, func(time.Time) time.Duration { return 90 * time.Millisecond })
	}
	if got, want := renew(2*time.Second), []roomRow{{"a", 2, 15, 30}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := renew(6 * time.Second); walks != 1 || got[0].In != 15 {
		t.Errorf("4 s after a walk of 90 ms: got %d walks and %v, want the rows of before", walks, got)
	}
	if got := renew(8 * time.Second); walks != 2 || got[0].In != 5 {
		t.Errorf("6 s after it: got %d walks and %v, want 2 with the rates of 6 s", walks, got)
	}
}

func TestRoomsOfTypingSignalsComeLast(t *testing.T) {
	t.Parallel()
	rooms := []chat.RoomTraffic{{Name: "typing:a"}, {Name: "a"}, {Name: "typing:b"}, {Name: "b"}}
	want := []chat.RoomTraffic{{Name: "a"}, {Name: "b"}, {Name: "typing:a"}, {Name: "typing:b"}}
	if got := signalsLast(rooms); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := signalsLast(make([]chat.RoomTraffic, 2*heaviestRooms)); len(got) != heaviestRooms {
		t.Errorf("got %d rooms, want %d", len(got), heaviestRooms)
	}
}
