package server

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/recent"
	"github.com/throng-chat/throng/server/wheel"
)

// newPositionHub is a hub in which every room remembers for a second, told the time by the test.
func newPositionHub(positions int) *chat.Hub {
	o := rememberingRoom("*")
	o.HistoryTTL = time.Second
	cfg := DefaultConfig()
	cfg.Rooms = []chat.RoomOptions{o}
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1).Hub
	h.Positions.Stored.Max = positions
	return h
}

func letPass(h *chat.Hub, d time.Duration) {
	now := h.Clock.Tick() + fanout.InTicks(d)
	h.Clock.Ticks.Store(uint32(now))
	h.ExpireRooms(now)
}

func sayIn(h *chat.Hub, room string) chat.StreamPosition {
	_, at := h.Publish(h.RoomRef(room), chat.Publication{Data: []byte("1"), Form: chat.FormJSON}, chat.PublishOptions{})
	return at
}

func whereIs(h *chat.Hub, room string) chat.StreamPosition {
	_, at, _ := h.Read(room, nil, 0, 1, false)
	return at
}

// What happens to the position of one room concerns no other.
func TestAReleasedRoomChangesNoOtherEpoch(t *testing.T) {
	t.Parallel()
	h := newPositionHub(1)
	before := map[string]chat.StreamPosition{}
	for n := range 10_000 {
		name := fmt.Sprint("quiet", n)
		before[name] = whereIs(h, name)
	}
	for n := range 10 {
		sayIn(h, fmt.Sprint("busy", n))
		letPass(h, time.Minute)
	}
	if h.Rooms.Count() != 0 || h.Positions.Dropped != 9 {
		t.Fatalf("got %d rooms and %d positions lost, want none, and 9", h.Rooms.Count(), h.Positions.Dropped)
	}
	for name, was := range before {
		if got := whereIs(h, name); got != was {
			t.Fatalf("%s: got %v, want %v", name, got, was)
		}
	}
}

// A room whose position was dropped begins a life of its own: nobody takes a place in the old one for one in the new.
func TestADroppedPositionIsUnrecoverable(t *testing.T) {
	h := newPositionHub(1)
	seen := map[string]bool{}
	for range 100 {
		at := sayIn(h, "x")
		if at.Offset != 1 || seen[at.Epoch] {
			t.Fatalf("got %v, want the beginning of a new life", at)
		}
		seen[at.Epoch] = true
		letPass(h, time.Minute)
		sayIn(h, "y") // its position takes the place of x's
		letPass(h, time.Minute)
	}
}

func TestAPositionLasts30Days(t *testing.T) {
	h := newPositionHub(chat.MaxPositions)
	sayIn(h, "x")
	at := sayIn(h, "x")
	letPass(h, 2*time.Second)
	letPass(h, time.Minute)
	if h.Rooms.Count() != 0 {
		t.Fatal("the room is kept though nothing is remembered in it")
	}
	letPass(h, chat.PositionTTL-2*time.Minute)
	if got := whereIs(h, "x"); got != at {
		t.Errorf("within 30 days: got %v, want %v", got, at)
	}
	if next := sayIn(h, "x"); next != (chat.StreamPosition{Offset: 3, Epoch: at.Epoch}) {
		t.Errorf("got %v, want offset 3 of the same epoch", next)
	}
	letPass(h, time.Minute)
	letPass(h, chat.PositionTTL+time.Minute)
	if got := whereIs(h, "x"); got.Offset != 0 || got.Epoch == at.Epoch || h.Positions.Stored.Count != 0 {
		t.Errorf("after 30 days: got %v, want the beginning of another life", got)
	}
}

// A key of idempotency holds for its time and its room, and takes no memory after that.
func TestAnIdempotencyKeyExpires(t *testing.T) {
	var s chat.IdempotencyCache
	first := wheel.Tick(fanout.FirstTick)
	s.Add("x", "k", chat.StreamPosition{Offset: 7, Epoch: "e"}, first)
	s.Add("x", "other", chat.StreamPosition{Offset: 8, Epoch: "e"}, first+1)
	for _, tt := range []struct {
		room, key string
		at        wheel.Tick
		want      bool
	}{
		{"x", "k", first, true},
		{"y", "k", first, false},
		{"x", "l", first, false},
		{"x", "k", first + fanout.InTicks(chat.IdempotencyTTL), true},
		{"x", "k", first + fanout.InTicks(chat.IdempotencyTTL) + 1, false},
		{"x", "other", first + fanout.InTicks(chat.IdempotencyTTL) + 1, true},
		{"x", "other", first + fanout.InTicks(chat.IdempotencyTTL) + 2, false},
	} {
		if got, ok := s.Find(tt.room, tt.key, tt.at); ok != tt.want || ok && got.Epoch != "e" {
			t.Errorf("%s %s after %d ticks: got %v, %v; want %v", tt.room, tt.key, tt.at-first, got, ok, tt.want)
		}
	}
	if len(s.Positions) != 0 || len(s.Order) != 0 {
		t.Errorf("got %d places and %d keys left, want none", len(s.Positions), len(s.Order))
	}
}

// Of too many rooms, the one that was of use longest ago goes first.
func TestTheOldestPositionIsDroppedFirst(t *testing.T) {
	h := newPositionHub(100)
	var places []chat.StreamPosition
	for n := range 150 {
		places = append(places, sayIn(h, fmt.Sprint(n)))
		letPass(h, 2*time.Second)
		letPass(h, 2*time.Second)
	}
	for n, was := range places {
		if got := whereIs(h, fmt.Sprint(n)); (got == was) != (n >= 50) {
			t.Errorf("room %d: got %v, was %v", n, got, was)
		}
	}
}

// Not all that has had its time is dropped while everybody waits.
func TestPositionsExpireAFewAtATime(t *testing.T) {
	t.Parallel()
	p := chat.NewPositionTable()
	for n := range 3 * chat.MaxExpiredPerTick {
		p.Store(fmt.Sprint(n), chat.StreamPosition{Offset: 1, Epoch: "1"}, fanout.FirstTick)
	}
	end := wheel.Tick(fanout.FirstTick) + fanout.InTicks(chat.PositionTTL)
	if p.Expire(end - 1); p.Stored.Count != 3*chat.MaxExpiredPerTick {
		t.Fatal("dropped before its time")
	}
	for left := 2 * chat.MaxExpiredPerTick; left >= 0; left -= chat.MaxExpiredPerTick {
		if p.Expire(end); p.Stored.Count != left {
			t.Fatalf("got %d left, want %d", p.Stored.Count, left)
		}
	}
}

// An SDK that comes back after the history's time is told that it missed nothing, if that is so.
func TestAPositionOutlivesTheHistory(t *testing.T) {
	t.Parallel()
	o := rememberingRoom("*")
	o.HistoryTTL = time.Second
	s := startAPI(t, o)
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	epoch := field(t, c.line(), "epoch")
	said := call(t, s, "publish", `{"channel":"x","data":1}`)
	if want := fmt.Sprintf(`{"result":{"offset":1,"epoch":%q}}`, epoch); said != want {
		t.Errorf("got %s for publish, want %s", said, want)
	}
	c.expectLine(`{"push":{"channel":"x","pub":{"data":1,"offset":1}}}`)
	c.sendLine(`{"id":3,"unsubscribe":{"channel":"x"}}`)
	c.expectLine(`{"id":3,"unsubscribe":{}}`)
	eventually(t, "the room to be forgotten", func() bool { return s.hub.Rooms.Count() == 0 })
	if got := value(t, s, "throng_positions", ""); got != 1 {
		t.Errorf("got %v positions, want 1", got)
	}
	for range 50 { // other rooms are forgotten, too
		call(t, s, "publish", `{"channel":"other","data":1}`)
	}
	c.sendLine(`{"id":4,"subscribe":{"channel":"x","recover":true,"offset":1,"epoch":%q}}`, epoch)
	if got := c.line(); !strings.Contains(got, `"recovered":true`) || !strings.Contains(got, epoch) {
		t.Errorf("got %s, want to have missed nothing", got)
	}
}

// The README says what a kept position costs.
func TestAKeptPositionTakes64Bytes(t *testing.T) {
	if got := unsafe.Sizeof(recent.Node[chat.StoredPosition]{}) + unsafe.Sizeof(uint32(0)); got > 64 {
		t.Errorf("got %d bytes a position, want 64 at most", got)
	}
}
