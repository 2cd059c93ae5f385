package chat

import (
	"fmt"
	"testing"
	"time"
	"unsafe"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/recent"
	"github.com/throng-chat/throng/server/wheel"
)

// newPositionHub returns a hub with a history TTL of one second, whose clock the test sets.
func newPositionHub(t *testing.T, positions int) *Hub {
	t.Helper()
	o := roomWithHistory("*")
	o.HistoryTTL = time.Second
	h := newTestHub(t, o)
	h.Positions.Stored.Max = positions
	return h
}

// letPass advances the clock and expires rooms.
func letPass(h *Hub, d time.Duration) {
	now := h.Clock.Tick() + fanout.InTicks(d)
	h.Clock.Ticks.Store(uint32(now))
	h.ExpireRooms(now)
}

func publishIn(h *Hub, room string) StreamPosition {
	_, at := h.Publish(h.RoomRef(room), Publication{Data: []byte("1"), Form: FormJSON}, PublishOptions{})
	return at
}

func positionOf(h *Hub, room string) StreamPosition {
	_, at, _ := h.Read(room, nil, 0, 1, false)
	return at
}

// The release of a room does not change the position of another room.
func TestAReleasedRoomChangesNoOtherEpoch(t *testing.T) {
	t.Parallel()
	h := newPositionHub(t, 1)
	before := map[string]StreamPosition{}
	for n := range 10_000 {
		name := fmt.Sprint("quiet", n)
		before[name] = positionOf(h, name)
	}
	for n := range 10 {
		publishIn(h, fmt.Sprint("busy", n))
		letPass(h, time.Minute)
	}
	if h.Rooms.Count() != 0 || h.Positions.Dropped != 9 {
		t.Fatalf("got %d rooms and %d positions lost, want none, and 9", h.Rooms.Count(), h.Positions.Dropped)
	}
	for name, was := range before {
		if got := positionOf(h, name); got != was {
			t.Fatalf("%s: got %v, want %v", name, got, was)
		}
	}
}

// A room whose position was dropped has a new epoch, so an old position does not match it.
func TestADroppedPositionIsUnrecoverable(t *testing.T) {
	h := newPositionHub(t, 1)
	seen := map[string]bool{}
	for range 100 {
		at := publishIn(h, "x")
		if at.Offset != 1 || seen[at.Epoch] {
			t.Fatalf("got %v, want offset 1 of a new epoch", at)
		}
		seen[at.Epoch] = true
		letPass(h, time.Minute)
		publishIn(h, "y") // its position takes the place of x's
		letPass(h, time.Minute)
	}
}

func TestAPositionLasts30Days(t *testing.T) {
	h := newPositionHub(t, MaxPositions)
	publishIn(h, "x")
	at := publishIn(h, "x")
	letPass(h, 2*time.Second)
	letPass(h, time.Minute)
	if h.Rooms.Count() != 0 {
		t.Fatal("a room without publications was not released")
	}
	letPass(h, positionTTL-2*time.Minute)
	if got := positionOf(h, "x"); got != at {
		t.Errorf("within 30 days: got %v, want %v", got, at)
	}
	if next := publishIn(h, "x"); next != (StreamPosition{Offset: 3, Epoch: at.Epoch}) {
		t.Errorf("got %v, want offset 3 of the same epoch", next)
	}
	letPass(h, time.Minute)
	letPass(h, positionTTL+time.Minute)
	if got := positionOf(h, "x"); got.Offset != 0 || got.Epoch == at.Epoch || h.Positions.Stored.Count != 0 {
		t.Errorf("after 30 days: got %v, want offset 0 of another epoch", got)
	}
}

// Beyond the limit, the position of the room that was released first is dropped.
func TestTheOldestPositionIsDroppedFirst(t *testing.T) {
	h := newPositionHub(t, 100)
	var places []StreamPosition
	for n := range 150 {
		places = append(places, publishIn(h, fmt.Sprint(n)))
		letPass(h, 2*time.Second)
		letPass(h, 2*time.Second)
	}
	for n, was := range places {
		if got := positionOf(h, fmt.Sprint(n)); (got == was) != (n >= 50) {
			t.Errorf("room %d: got %v, was %v", n, got, was)
		}
	}
}

// A tick drops a bounded number of expired positions, because it holds the lock.
func TestPositionsExpireAFewAtATime(t *testing.T) {
	t.Parallel()
	p := newPositionTable()
	for n := range 3 * maxExpiredPerTick {
		p.store(fmt.Sprint(n), StreamPosition{Offset: 1, Epoch: "1"}, fanout.FirstTick)
	}
	end := wheel.Tick(fanout.FirstTick) + fanout.InTicks(positionTTL)
	if p.expire(end - 1); p.Stored.Count != 3*maxExpiredPerTick {
		t.Fatal("a position was dropped before its TTL")
	}
	for left := 2 * maxExpiredPerTick; left >= 0; left -= maxExpiredPerTick {
		if p.expire(end); p.Stored.Count != left {
			t.Fatalf("got %d left, want %d", p.Stored.Count, left)
		}
	}
}

// The documentation has this size.
func TestAKeptPositionTakes64Bytes(t *testing.T) {
	if got := unsafe.Sizeof(recent.Node[storedPosition]{}) + unsafe.Sizeof(uint32(0)); got > 64 {
		t.Errorf("got %d bytes a position, want 64 at most", got)
	}
}
