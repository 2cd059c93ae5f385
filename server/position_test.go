package server

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/recent"
	"github.com/throng-chat/throng/server/wheel"
)

// newPositionHub is a hub in which every room remembers for a second, told the time by the test.
func newPositionHub(positions int) *hub {
	o := rememberingRoom("*")
	o.HistoryTTL = time.Second
	cfg := DefaultConfig()
	cfg.Rooms = []RoomOptions{o}
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1).hub
	h.positions.kept.Most = positions
	return h
}

func letPass(h *hub, d time.Duration) {
	now := h.Clock.Tick() + fanout.InTicks(d)
	h.Clock.Ticks.Store(uint32(now))
	h.age(now)
}

func sayIn(h *hub, room string) position {
	_, at := h.say(h.viewOf(room), publication{data: []byte("1"), form: formJSON}, sayOptions{})
	return at
}

func whereIs(h *hub, room string) position {
	_, at, _ := h.read(room, nil, 0, 1, false)
	return at
}

// What happens to the position of one room concerns no other.
func TestAForgottenRoomChangesNoOthersEpoch(t *testing.T) {
	t.Parallel()
	h := newPositionHub(1)
	before := map[string]position{}
	for n := range 10_000 {
		name := fmt.Sprint("quiet", n)
		before[name] = whereIs(h, name)
	}
	for n := range 10 {
		sayIn(h, fmt.Sprint("busy", n))
		letPass(h, time.Minute)
	}
	if h.rooms.count() != 0 || h.positions.lost != 9 {
		t.Fatalf("got %d rooms and %d positions lost, want none, and 9", h.rooms.count(), h.positions.lost)
	}
	for name, was := range before {
		if got := whereIs(h, name); got != was {
			t.Fatalf("%s: got %v, want %v", name, got, was)
		}
	}
}

// A room whose position was dropped begins a life of its own: nobody takes a place in the old one for one in the new.
func TestADroppedPositionIsNoPlaceInTheNextLife(t *testing.T) {
	h := newPositionHub(1)
	seen := map[string]bool{}
	for range 100 {
		at := sayIn(h, "x")
		if at.offset != 1 || seen[at.epoch] {
			t.Fatalf("got %v, want the beginning of a new life", at)
		}
		seen[at.epoch] = true
		letPass(h, time.Minute)
		sayIn(h, "y") // its position takes the place of x's
		letPass(h, time.Minute)
	}
}

func TestAPositionLasts30Days(t *testing.T) {
	h := newPositionHub(maxPositions)
	sayIn(h, "x")
	at := sayIn(h, "x")
	letPass(h, 2 * time.Second)
	letPass(h, time.Minute)
	if h.rooms.count() != 0 {
		t.Fatal("the room is kept though nothing is remembered in it")
	}
	letPass(h, positionLasts - 2*time.Minute)
	if got := whereIs(h, "x"); got != at {
		t.Errorf("within 30 days: got %v, want %v", got, at)
	}
	if next := sayIn(h, "x"); next != (position{3, at.epoch}) {
		t.Errorf("got %v, want offset 3 of the same epoch", next)
	}
	letPass(h, time.Minute)
	letPass(h, positionLasts + time.Minute)
	if got := whereIs(h, "x"); got.offset != 0 || got.epoch == at.epoch || h.positions.kept.Count != 0 {
		t.Errorf("after 30 days: got %v, want the beginning of another life", got)
	}
}

// A key of idempotency holds for its time and its room, and takes no memory after that.
func TestAKeyOfIdempotencyExpires(t *testing.T) {
	var s said
	first := wheel.Tick(fanout.FirstTick)
	s.add("x", "k", position{7, "e"}, first)
	s.add("x", "other", position{8, "e"}, first+1)
	for _, tt := range []struct {
		room, key string
		at        wheel.Tick
		want      bool
	}{
		{"x", "k", first, true},
		{"y", "k", first, false},
		{"x", "l", first, false},
		{"x", "k", first + fanout.InTicks(saidFor), true},
		{"x", "k", first + fanout.InTicks(saidFor) + 1, false},
		{"x", "other", first + fanout.InTicks(saidFor) + 1, true},
		{"x", "other", first + fanout.InTicks(saidFor) + 2, false},
	} {
		if got, ok := s.find(tt.room, tt.key, tt.at); ok != tt.want || ok && got.epoch != "e" {
			t.Errorf("%s %s after %d ticks: got %v, %v; want %v", tt.room, tt.key, tt.at-first, got, ok, tt.want)
		}
	}
	if len(s.places) != 0 || len(s.order) != 0 {
		t.Errorf("got %d places and %d keys left, want none", len(s.places), len(s.order))
	}
}

// Of too many rooms, the one that was of use longest ago goes first.
func TestTheOldestPositionGoesFirst(t *testing.T) {
	h := newPositionHub(100)
	var places []position
	for n := range 150 {
		places = append(places, sayIn(h, fmt.Sprint(n)))
		letPass(h, 2 * time.Second)
		letPass(h, 2 * time.Second)
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
	p := newPositions()
	for n := range 3 * expiredAtOnce {
		p.keep(fmt.Sprint(n), position{1, "1"}, fanout.FirstTick)
	}
	end := wheel.Tick(fanout.FirstTick) + fanout.InTicks(positionLasts)
	if p.expire(end - 1); p.kept.Count != 3*expiredAtOnce {
		t.Fatal("dropped before its time")
	}
	for left := 2 * expiredAtOnce; left >= 0; left -= expiredAtOnce {
		if p.expire(end); p.kept.Count != left {
			t.Fatalf("got %d left, want %d", p.kept.Count, left)
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
	c.say(`{"id":2,"subscribe":{"channel":"x"}}`)
	epoch := field(t, c.line(), "epoch")
	said := call(t, s, "publish", `{"channel":"x","data":1}`)
	if want := fmt.Sprintf(`{"result":{"offset":1,"epoch":%q}}`, epoch); said != want {
		t.Errorf("got %s for publish, want %s", said, want)
	}
	c.want(`{"push":{"channel":"x","pub":{"data":1,"offset":1}}}`)
	c.say(`{"id":3,"unsubscribe":{"channel":"x"}}`)
	c.want(`{"id":3,"unsubscribe":{}}`)
	eventually(t, "the room to be forgotten", func() bool { return s.hub.rooms.count() == 0 })
	if got := value(t, s, "throng_positions", ""); got != 1 {
		t.Errorf("got %v positions, want 1", got)
	}
	for range 50 { // other rooms are forgotten, too
		call(t, s, "publish", `{"channel":"other","data":1}`)
	}
	c.say(`{"id":4,"subscribe":{"channel":"x","recover":true,"offset":1,"epoch":%q}}`, epoch)
	if got := c.line(); !strings.Contains(got, `"recovered":true`) || !strings.Contains(got, epoch) {
		t.Errorf("got %s, want to have missed nothing", got)
	}
}

// The README says what a kept position costs.
func TestAKeptPositionTakes64Bytes(t *testing.T) {
	if got := unsafe.Sizeof(recent.Node[keptPosition]{}) + unsafe.Sizeof(uint32(0)); got > 64 {
		t.Errorf("got %d bytes a position, want 64 at most", got)
	}
}
