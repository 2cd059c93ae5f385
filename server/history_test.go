package server

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

func offsets(pubs []publication) (all []uint64) {
	for _, p := range pubs {
		all = append(all, p.offset)
	}
	return all
}

// told is a history of publications 1 to n, of which most are kept.
func told(n, most int) *history {
	h := &history{}
	for i := range n {
		h.add(&publication{data: fmt.Append(nil, i+1), at: wheel.Tick(i + 1)}, most)
	}
	return h
}

func TestAHistoryKeepsTheNewest(t *testing.T) {
	for _, most := range []int{1, 2, 3, 7, 64} {
		h := &history{}
		bytes := 0
		for n := 1; n <= 200; n++ {
			bytes += h.add(&publication{data: fmt.Append(nil, n)}, most)
			var want []uint64
			for o := max(1, n-most+1); o <= n; o++ {
				want = append(want, uint64(o))
			}
			if got := offsets(h.page(nil, -1, math.MaxInt, false)); !slices.Equal(got, want) {
				t.Fatalf("most %d, after %d: got %v, want %v", most, n, got, want)
			}
			if bytes != h.bytes {
				t.Fatalf("most %d, after %d: got %d bytes counted by what add returned, %d held", most, n, bytes, h.bytes)
			}
		}
		if freed := h.clear(); freed != bytes || h.count != 0 || h.top != 200 {
			t.Errorf("cleared: got %d of %d bytes freed, %d left, top %d", freed, bytes, h.count, h.top)
		}
	}
}

func TestAPageOfHistory(t *testing.T) {
	h := told(10, 5) // 6 to 10 are kept
	at := func(offset uint64) *position { return &position{offset, h.epoch} }
	for _, tt := range []struct {
		name    string
		since   *position
		limit   int
		reverse bool
		want    []uint64
	}{
		{name: "no limit is nothing", limit: 0},
		{name: "all", limit: -1, want: []uint64{6, 7, 8, 9, 10}},
		{name: "the first two", limit: 2, want: []uint64{6, 7}},
		{name: "the newest two", limit: 2, reverse: true, want: []uint64{10, 9}},
		{name: "behind 7", since: at(7), limit: -1, want: []uint64{8, 9, 10}},
		{name: "behind 7, one", since: at(7), limit: 1, want: []uint64{8}},
		{name: "behind what is forgotten", since: at(2), limit: 2, want: []uint64{6, 7}},
		{name: "behind the newest", since: at(10), limit: -1},
		{name: "behind what never was", since: at(99), limit: -1},
		{name: "before 8", since: at(8), limit: -1, reverse: true, want: []uint64{7, 6}},
		{name: "before 8, one", since: at(8), limit: 1, reverse: true, want: []uint64{7}},
		{name: "before all", since: at(6), limit: -1, reverse: true},
		{name: "before what is forgotten", since: at(3), limit: -1, reverse: true},
		{name: "before what never was", since: at(99), limit: 2, reverse: true, want: []uint64{10, 9}},
	} {
		if got := offsets(h.page(tt.since, tt.limit, math.MaxInt, tt.reverse)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestWhatWasMissedIsToldWholeOrNotAtAll(t *testing.T) {
	h := told(10, 5) // 6 to 10 are kept
	for _, tt := range []struct {
		name        string
		from        position
		most, bytes int
		want        []uint64
		ok          bool
	}{
		{name: "nothing", from: position{10, h.epoch}, most: 99, bytes: 1 << 20, ok: true},
		{name: "some", from: position{8, h.epoch}, most: 99, bytes: 1 << 20, want: []uint64{9, 10}, ok: true},
		{name: "all that is kept", from: position{5, h.epoch}, most: 99, bytes: 1 << 20, want: []uint64{6, 7, 8, 9, 10}, ok: true},
		{name: "any epoch", from: position{9, ""}, most: 99, bytes: 1 << 20, want: []uint64{10}, ok: true},
		{name: "one more than is kept", from: position{4, h.epoch}, most: 99, bytes: 1 << 20},
		{name: "another epoch", from: position{9, "other"}, most: 99, bytes: 1 << 20},
		{name: "the future", from: position{11, h.epoch}, most: 99, bytes: 1 << 20},
		{name: "too many", from: position{5, h.epoch}, most: 4, bytes: 1 << 20},
		{name: "too much", from: position{5, h.epoch}, most: 99, bytes: 4 * remembered},
	} {
		got, _, ok := h.missed(tt.from, tt.most, tt.bytes)
		if ok != tt.ok || !slices.Equal(offsets(got), tt.want) {
			t.Errorf("%s: got %v %v, want %v %v", tt.name, offsets(got), ok, tt.want, tt.ok)
		}
	}
}

// Who said it is remembered with what was said, and told with it.
func TestAHistoryCountsWhoSaidIt(t *testing.T) {
	ann := &clientInfo{User: "ann", Client: "1", ConnInfo: make([]byte, 1000), ChanInfo: make([]byte, 500)}
	h := &history{}
	for range 3 {
		h.add(&publication{data: []byte("1"), info: ann}, 3)
	}
	const (
		told = 1 + 3 + 1 + 1000 + 500 + remembered
		kept = told + infoCost
	)
	if want := rememberedRoom + 3*kept; h.bytes != want {
		t.Errorf("got %d bytes counted, want %d", h.bytes, want)
	}
	if _, _, ok := h.missed(position{}, 3, 3*told-1); ok {
		t.Error("more was told than the bytes that are allowed")
	}
	if got := h.page(nil, -1, told+1, false); len(got) != 2 {
		t.Errorf("got %d publications in a page of %d bytes, want 2", len(got), told+1)
	}
}

func TestHistoryExpires(t *testing.T) {
	h := told(10, 10)
	h.expire(4)
	if got := offsets(h.page(nil, -1, math.MaxInt, false)); !slices.Equal(got, []uint64{4, 5, 6, 7, 8, 9, 10}) {
		t.Errorf("got %v, want 4 to 10", got)
	}
	h.expire(99)
	if h.count != 0 || h.bytes != 0 || h.top != 10 {
		t.Errorf("got %d publications, %d bytes, top %d; want none, and the position", h.count, h.bytes, h.top)
	}
}

// Whatever is forgotten, and however, is counted out.
func TestAnArchiveCountsOutWhatItForgets(t *testing.T) {
	for name, forget := range map[string]func(*archive, *room){
		"expired": func(a *archive, r *room) { a.expire(r, 8); a.expire(r, 99) },
		"cleared": func(a *archive, r *room) { a.clear(r) },
	} {
		a := archive{most: 1 << 20}
		r := newRoom(&stripe{}, "x", &RoomOptions{HistorySize: 5}, 1)
		for n := range 10 {
			a.remember(r, &publication{data: []byte("a text"), at: wheel.Tick(n)})
		}
		if a.count != 5 || a.bytes != r.history.bytes {
			t.Errorf("got %d publications of %d bytes counted, want 5 of %d", a.count, a.bytes, r.history.bytes)
		}
		a.redact(r, r.history.at(3))
		if a.bytes != r.history.bytes {
			t.Errorf("redacted: got %d bytes counted, want %d", a.bytes, r.history.bytes)
		}
		if forget(&a, r); a.count != 0 || a.bytes != 0 {
			t.Errorf("%s: got %d publications of %d bytes counted, want none", name, a.count, a.bytes)
		}
	}
}

// The bytes of all rooms together are bounded, and it is the oldest publication of all that goes.
func TestAllHistoriesTogetherAreBounded(t *testing.T) {
	t.Parallel()
	const each, most = 100, 20
	const remembering = 3 // of the rooms below, something is said in these
	a := archive{most: most*(each+remembered) + remembering*rememberedRoom, evictedFrom: func(*room) {}}
	rooms := make([]*room, 5)
	for i := range rooms {
		rooms[i] = newRoom(&stripe{}, fmt.Sprint(i), &RoomOptions{HistorySize: 1000}, 1)
	}
	var order []string
	for n := range 5000 {
		r := rooms[n*n%len(rooms)]
		p := publication{data: make([]byte, each)}
		a.remember(r, &p)
		a.evict(r)
		order = append(order, fmt.Sprint(r.Name, " ", p.offset))
		var held []string
		for _, r := range rooms {
			for _, o := range offsets(r.history.page(nil, -1, math.MaxInt, false)) {
				held = append(held, fmt.Sprint(r.Name, " ", o))
			}
		}
		want := slices.Clone(order[max(0, len(order)-most):])
		slices.Sort(held)
		slices.Sort(want)
		if !slices.Equal(held, want) {
			t.Fatalf("after %d: got %v, want the newest %d: %v", n+1, held, most, want)
		}
		spoken := 0
		for _, r := range rooms {
			if r.history.count > 0 {
				spoken++
			}
		}
		if a.bytes != len(held)*(each+remembered)+spoken*rememberedRoom || a.count != len(held) {
			t.Fatalf("after %d: got %d bytes and %d publications counted, %d held", n+1, a.bytes, a.count, len(held))
		}
	}
	if len(a.order) > 2*most+1024+1 {
		t.Errorf("got %d entries in the order of %d publications", len(a.order), most)
	}
}

// A room that only was looked into is forgotten with its last member. Nobody misses anything by that: where something is said
// there afterwards, its offsets count on from the position that was told.
func TestARoomInWhichNothingWasSaidIsForgotten(t *testing.T) {
	t.Parallel()
	s := startBackend(t, rememberingRoom("*"))
	c := connectSDK(t, s, "")
	for n := range 50 {
		c.say(`{"id":2,"subscribe":{"channel":"room%d"}}`+"\n"+`{"id":3,"unsubscribe":{"channel":"room%d"}}`, n, n)
		c.line()
		c.want(`{"id":3,"unsubscribe":{}}`)
	}
	if got := s.hub.rooms.count(); got != 0 {
		t.Errorf("got %d rooms kept, want none", got)
	}
	c.say(`{"id":4,"subscribe":{"channel":"x"}}`)
	epoch := field(t, c.line(), "epoch")
	c.say(`{"id":5,"unsubscribe":{"channel":"x"}}`)
	c.want(`{"id":5,"unsubscribe":{}}`)
	s.hub.say(s.hub.viewOf("x"), publication{data: []byte("1"), form: formJSON}, sayOptions{})
	c.say(`{"id":6,"subscribe":{"channel":"x","recover":true,"epoch":%q}}`, epoch)
	if got := c.line(); !strings.Contains(got, `"publications":[{"data":1,"offset":1,`) || !strings.Contains(got, `"recovered":true`) {
		t.Errorf("got %s, want what was said meanwhile", got)
	}
}

// A room costs memory beyond what is said there. Strangers cannot fill it with rooms.
func TestRoomsThatRememberAreBounded(t *testing.T) {
	t.Parallel()
	const bytes, most = 64 << 10, 100
	s := startServer(t, func(c *Config) {
		c.HistoryBytes = bytes
		c.Rooms = []RoomOptions{rememberingRoom("*")}
	})
	s.hub.positions.mu.Lock()
	s.hub.positions.kept.Most = most
	s.hub.positions.mu.Unlock()
	for n := range 1000 {
		s.hub.say(s.hub.viewOf(fmt.Sprint(n)), publication{data: []byte("1"), form: formJSON}, sayOptions{})
	}
	remembering := 0
	s.hub.rooms.each(func(in *stripe) {
		for _, r := range in.rooms {
			if r.history.count > 0 {
				remembering++
			}
		}
	})
	if remembering == 0 || remembering*rememberedRoom > bytes {
		t.Errorf("got %d rooms that remember something in %d bytes, want some, but %d at most", remembering, bytes, bytes/rememberedRoom)
	}
	if got := s.hub.rooms.count(); got != remembering {
		t.Errorf("got %d rooms, want only the %d that remember something where nobody is", got, remembering)
	}
	if got, _ := s.hub.positions.counts(); got != most {
		t.Errorf("got %d positions kept, want %d", got, most)
	}
	if r := roomOf(s, "999"); r == nil || r.history.count != 1 {
		t.Error("the newest publication is not remembered")
	}
}

// What a plain client says while it is counted out is said in the room of that name that there is then.
func TestLastWordsAreSaidInTheRoomOfToday(t *testing.T) {
	t.Parallel()
	s := startBackend(t, rememberingRoom("*"))
	first := dial(t, s, "x")
	yesterday := roomOf(s, "x")
	first.conn.Close()
	eventually(t, "the room to be forgotten", func() bool { return s.hub.rooms.count() == 0 })
	second := dial(t, s, "x")
	today := roomOf(s, "x")
	s.hub.publish(yesterday, ws.OpText, []byte("last words"))
	second.hear(ws.OpText, "last words")
	s.hub.age(s.hub.Clock.Tick() + fanout.InTicks(time.Hour))
	if roomOf(s, "x") != today {
		t.Error("the room is forgotten while somebody is in it")
	}
}

// And where nobody is in that room, and it remembers nothing, it does not stay.
func TestARoomOfLastWordsIsForgotten(t *testing.T) {
	h := newHub(DefaultConfig(), slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1)
	h.publish(newRoom(h.rooms.stripeOf("x"), "x", h.optionsOf("x"), 1), ws.OpText, []byte("last words"))
	if got := h.rooms.count(); got != 0 {
		t.Errorf("got %d rooms, want none", got)
	}
}

// A busy room makes room for itself: it does not empty the rooms that hold less.
func TestABusyRoomDoesNotEmptyTheOthers(t *testing.T) {
	o := DefaultRoom()
	o.HistorySize = 1000
	emptied := 0
	a := archive{most: 64 << 10}
	a.evictedFrom = func(r *room) {
		if r.history.count == 0 {
			emptied++
		}
	}
	quiet, busy := newRoom(&stripe{}, "quiet", &o, 1), newRoom(&stripe{}, "busy", &o, 1)
	for range 20 {
		a.remember(quiet, &publication{data: make([]byte, 10)})
	}
	for range 1000 {
		a.remember(busy, &publication{data: make([]byte, 1000)})
		if a.evict(busy); emptied > 0 {
			t.Fatalf("got %d rooms emptied", emptied)
		}
	}
	if quiet.history.count != 20 || a.bytes > a.most || a.bytes != quiet.history.bytes+busy.history.bytes || a.count != quiet.history.count+busy.history.count {
		t.Errorf("got %d publications in the quiet room, %d bytes of %d, %d in all", quiet.history.count, a.bytes, a.most, a.count)
	}
	if a.evicted != uint64(1020-a.count) {
		t.Errorf("got %d counted as evicted, want %d", a.evicted, 1020-a.count)
	}
	if len(a.order) > 3*a.count+1024 {
		t.Errorf("got an order of %d for %d publications", len(a.order), a.count)
	}
}
