package server

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

func offsets(pubs []chat.Publication) (all []uint64) {
	for _, p := range pubs {
		all = append(all, p.Offset)
	}
	return all
}

// told is a history of publications 1 to n, of which most are kept.
func told(n, most int) *chat.History {
	h := &chat.History{}
	for i := range n {
		h.Add(&chat.Publication{Data: fmt.Append(nil, i+1), At: wheel.Tick(i + 1)}, most)
	}
	return h
}

func TestAHistoryKeepsTheNewest(t *testing.T) {
	for _, most := range []int{1, 2, 3, 7, 64} {
		h := &chat.History{}
		bytes := 0
		for n := 1; n <= 200; n++ {
			bytes += h.Add(&chat.Publication{Data: fmt.Append(nil, n)}, most)
			var want []uint64
			for o := max(1, n-most+1); o <= n; o++ {
				want = append(want, uint64(o))
			}
			if got := offsets(h.Page(nil, -1, math.MaxInt, false)); !slices.Equal(got, want) {
				t.Fatalf("most %d, after %d: got %v, want %v", most, n, got, want)
			}
			if bytes != h.Bytes {
				t.Fatalf("most %d, after %d: got %d bytes counted by what add returned, %d held", most, n, bytes, h.Bytes)
			}
		}
		if freed := h.Clear(); freed != bytes || h.Count != 0 || h.LastOffset != 200 {
			t.Errorf("cleared: got %d of %d bytes freed, %d left, top %d", freed, bytes, h.Count, h.LastOffset)
		}
	}
}

func TestAPageOfHistory(t *testing.T) {
	h := told(10, 5) // 6 to 10 are kept
	at := func(offset uint64) *chat.StreamPosition { return &chat.StreamPosition{Offset: offset, Epoch: h.Epoch} }
	for _, tt := range []struct {
		name    string
		since   *chat.StreamPosition
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
		if got := offsets(h.Page(tt.since, tt.limit, math.MaxInt, tt.reverse)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRecoveryIsCompleteOrFails(t *testing.T) {
	h := told(10, 5) // 6 to 10 are kept
	for _, tt := range []struct {
		name        string
		from        chat.StreamPosition
		most, bytes int
		want        []uint64
		ok          bool
	}{
		{name: "nothing", from: chat.StreamPosition{Offset: 10, Epoch: h.Epoch}, most: 99, bytes: 1 << 20, ok: true},
		{name: "some", from: chat.StreamPosition{Offset: 8, Epoch: h.Epoch}, most: 99, bytes: 1 << 20, want: []uint64{9, 10}, ok: true},
		{name: "all that is kept", from: chat.StreamPosition{Offset: 5, Epoch: h.Epoch}, most: 99, bytes: 1 << 20, want: []uint64{6, 7, 8, 9, 10}, ok: true},
		{name: "any epoch", from: chat.StreamPosition{Offset: 9, Epoch: ""}, most: 99, bytes: 1 << 20, want: []uint64{10}, ok: true},
		{name: "one more than is kept", from: chat.StreamPosition{Offset: 4, Epoch: h.Epoch}, most: 99, bytes: 1 << 20},
		{name: "another epoch", from: chat.StreamPosition{Offset: 9, Epoch: "other"}, most: 99, bytes: 1 << 20},
		{name: "the future", from: chat.StreamPosition{Offset: 11, Epoch: h.Epoch}, most: 99, bytes: 1 << 20},
		{name: "too many", from: chat.StreamPosition{Offset: 5, Epoch: h.Epoch}, most: 4, bytes: 1 << 20},
		{name: "too much", from: chat.StreamPosition{Offset: 5, Epoch: h.Epoch}, most: 99, bytes: 4 * chat.PublicationOverhead},
	} {
		got, _, ok := h.After(tt.from, tt.most, tt.bytes)
		if ok != tt.ok || !slices.Equal(offsets(got), tt.want) {
			t.Errorf("%s: got %v %v, want %v %v", tt.name, offsets(got), ok, tt.want, tt.ok)
		}
	}
}

// Who said it is remembered with what was said, and told with it.
func TestAHistoryCountsThePublisherInfo(t *testing.T) {
	ann := &chat.ClientInfo{User: "ann", Client: "1", ConnInfo: make([]byte, 1000), ChanInfo: make([]byte, 500)}
	h := &chat.History{}
	for range 3 {
		h.Add(&chat.Publication{Data: []byte("1"), Info: ann}, 3)
	}
	const (
		told = 1 + 3 + 1 + 1000 + 500 + chat.PublicationOverhead
		kept = told + chat.InfoCost
	)
	if want := chat.HistoryOverhead + 3*kept; h.Bytes != want {
		t.Errorf("got %d bytes counted, want %d", h.Bytes, want)
	}
	if _, _, ok := h.After(chat.StreamPosition{}, 3, 3*told-1); ok {
		t.Error("more was told than the bytes that are allowed")
	}
	if got := h.Page(nil, -1, told+1, false); len(got) != 2 {
		t.Errorf("got %d publications in a page of %d bytes, want 2", len(got), told+1)
	}
}

func TestHistoryExpires(t *testing.T) {
	h := told(10, 10)
	h.Expire(4)
	if got := offsets(h.Page(nil, -1, math.MaxInt, false)); !slices.Equal(got, []uint64{4, 5, 6, 7, 8, 9, 10}) {
		t.Errorf("got %v, want 4 to 10", got)
	}
	h.Expire(99)
	if h.Count != 0 || h.Bytes != 0 || h.LastOffset != 10 {
		t.Errorf("got %d publications, %d bytes, top %d; want none, and the position", h.Count, h.Bytes, h.LastOffset)
	}
}

// Whatever is forgotten, and however, is counted out.
func TestTheHistoryBudgetSubtractsEvictions(t *testing.T) {
	for name, forget := range map[string]func(*chat.HistoryBudget, *chat.Room){
		"expired": func(a *chat.HistoryBudget, r *chat.Room) { a.Expire(r, 8); a.Expire(r, 99) },
		"cleared": func(a *chat.HistoryBudget, r *chat.Room) { a.Clear(r) },
	} {
		a := chat.HistoryBudget{MaxBytes: 1 << 20}
		r := chat.NewRoom(&chat.Stripe{}, "x", &chat.RoomOptions{HistorySize: 5}, 1)
		for n := range 10 {
			a.Append(r, &chat.Publication{Data: []byte("a text"), At: wheel.Tick(n)})
		}
		if a.Count != 5 || a.Bytes != r.History.Bytes {
			t.Errorf("got %d publications of %d bytes counted, want 5 of %d", a.Count, a.Bytes, r.History.Bytes)
		}
		a.Redact(r, r.History.At(3))
		if a.Bytes != r.History.Bytes {
			t.Errorf("redacted: got %d bytes counted, want %d", a.Bytes, r.History.Bytes)
		}
		if forget(&a, r); a.Count != 0 || a.Bytes != 0 {
			t.Errorf("%s: got %d publications of %d bytes counted, want none", name, a.Count, a.Bytes)
		}
	}
}

// The bytes of all rooms together are bounded, and it is the oldest publication of all that goes.
func TestAllHistoriesTogetherAreBounded(t *testing.T) {
	t.Parallel()
	const each, most = 100, 20
	const remembering = 3 // of the rooms below, something is said in these
	a := chat.HistoryBudget{MaxBytes: most*(each+chat.PublicationOverhead) + remembering*chat.HistoryOverhead, OnEvict: func(*chat.Room) {}}
	rooms := make([]*chat.Room, 5)
	for i := range rooms {
		rooms[i] = chat.NewRoom(&chat.Stripe{}, fmt.Sprint(i), &chat.RoomOptions{HistorySize: 1000}, 1)
	}
	var order []string
	for n := range 5000 {
		r := rooms[n*n%len(rooms)]
		p := chat.Publication{Data: make([]byte, each)}
		a.Append(r, &p)
		a.Evict(r)
		order = append(order, fmt.Sprint(r.Name, " ", p.Offset))
		var held []string
		for _, r := range rooms {
			for _, o := range offsets(r.History.Page(nil, -1, math.MaxInt, false)) {
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
			if r.History.Count > 0 {
				spoken++
			}
		}
		if a.Bytes != len(held)*(each+chat.PublicationOverhead)+spoken*chat.HistoryOverhead || a.Count != len(held) {
			t.Fatalf("after %d: got %d bytes and %d publications counted, %d held", n+1, a.Bytes, a.Count, len(held))
		}
	}
	if len(a.Order) > 2*most+1024+1 {
		t.Errorf("got %d entries in the order of %d publications", len(a.Order), most)
	}
}

// A room that only was looked into is forgotten with its last member. Nobody misses anything by that: where something is said
// there afterwards, its offsets count on from the position that was told.
func TestARoomWithoutPublicationsIsReleased(t *testing.T) {
	t.Parallel()
	s := startBackend(t, rememberingRoom("*"))
	c := connectSDK(t, s, "")
	for n := range 50 {
		c.sendLine(`{"id":2,"subscribe":{"channel":"room%d"}}`+"\n"+`{"id":3,"unsubscribe":{"channel":"room%d"}}`, n, n)
		c.line()
		c.expectLine(`{"id":3,"unsubscribe":{}}`)
	}
	if got := s.hub.Rooms.Count(); got != 0 {
		t.Errorf("got %d rooms kept, want none", got)
	}
	c.sendLine(`{"id":4,"subscribe":{"channel":"x"}}`)
	epoch := field(t, c.line(), "epoch")
	c.sendLine(`{"id":5,"unsubscribe":{"channel":"x"}}`)
	c.expectLine(`{"id":5,"unsubscribe":{}}`)
	s.hub.Publish(s.hub.RoomRef("x"), chat.Publication{Data: []byte("1"), Form: chat.FormJSON}, chat.PublishOptions{})
	c.sendLine(`{"id":6,"subscribe":{"channel":"x","recover":true,"epoch":%q}}`, epoch)
	if got := c.line(); !strings.Contains(got, `"publications":[{"data":1,"offset":1,`) || !strings.Contains(got, `"recovered":true`) {
		t.Errorf("got %s, want what was said meanwhile", got)
	}
}

// A room costs memory beyond what is said there. Strangers cannot fill it with rooms.
func TestRoomsWithHistoryAreBounded(t *testing.T) {
	t.Parallel()
	const bytes, most = 64 << 10, 100
	s := startServer(t, func(c *Config) {
		c.HistoryBytes = bytes
		c.Rooms = []chat.RoomOptions{rememberingRoom("*")}
	})
	s.hub.Positions.Mu.Lock()
	s.hub.Positions.Stored.Max = most
	s.hub.Positions.Mu.Unlock()
	for n := range 1000 {
		s.hub.Publish(s.hub.RoomRef(fmt.Sprint(n)), chat.Publication{Data: []byte("1"), Form: chat.FormJSON}, chat.PublishOptions{})
	}
	remembering := 0
	s.hub.Rooms.Each(func(in *chat.Stripe) {
		for _, r := range in.Rooms {
			if r.History.Count > 0 {
				remembering++
			}
		}
	})
	if remembering == 0 || remembering*chat.HistoryOverhead > bytes {
		t.Errorf("got %d rooms that remember something in %d bytes, want some, but %d at most", remembering, bytes, bytes/chat.HistoryOverhead)
	}
	if got := s.hub.Rooms.Count(); got != remembering {
		t.Errorf("got %d rooms, want only the %d that remember something where nobody is", got, remembering)
	}
	if got, _ := s.hub.Positions.Counts(); got != most {
		t.Errorf("got %d positions kept, want %d", got, most)
	}
	if r := roomOf(s, "999"); r == nil || r.History.Count != 1 {
		t.Error("the newest publication is not remembered")
	}
}

// What a plain client says while it is counted out is said in the room of that name that there is then.
func TestAPublicationAfterTheRoomEndedGoesToTheNewRoom(t *testing.T) {
	t.Parallel()
	s := startBackend(t, rememberingRoom("*"))
	first := dial(t, s, "x")
	yesterday := roomOf(s, "x")
	first.conn.Close()
	eventually(t, "the room to be forgotten", func() bool { return s.hub.Rooms.Count() == 0 })
	second := dial(t, s, "x")
	today := roomOf(s, "x")
	s.hub.PublishPlain(yesterday, ws.OpText, []byte("last words"))
	second.expect(ws.OpText, "last words")
	s.hub.ExpireRooms(s.hub.Clock.Tick() + fanout.InTicks(time.Hour))
	if roomOf(s, "x") != today {
		t.Error("the room is forgotten while somebody is in it")
	}
}

// And where nobody is in that room, and it remembers nothing, it does not stay.
func TestARoomOfALatePublicationIsReleased(t *testing.T) {
	h := newHub(DefaultConfig(), slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1)
	h.PublishPlain(chat.NewRoom(h.Rooms.StripeOf("x"), "x", h.OptionsOf("x"), 1), ws.OpText, []byte("last words"))
	if got := h.Rooms.Count(); got != 0 {
		t.Errorf("got %d rooms, want none", got)
	}
}

// A busy room makes room for itself: it does not empty the rooms that hold less.
func TestABusyRoomDoesNotEvictOtherHistories(t *testing.T) {
	o := chat.DefaultRoom()
	o.HistorySize = 1000
	emptied := 0
	a := chat.HistoryBudget{MaxBytes: 64 << 10}
	a.OnEvict = func(r *chat.Room) {
		if r.History.Count == 0 {
			emptied++
		}
	}
	quiet, busy := chat.NewRoom(&chat.Stripe{}, "quiet", &o, 1), chat.NewRoom(&chat.Stripe{}, "busy", &o, 1)
	for range 20 {
		a.Append(quiet, &chat.Publication{Data: make([]byte, 10)})
	}
	for range 1000 {
		a.Append(busy, &chat.Publication{Data: make([]byte, 1000)})
		if a.Evict(busy); emptied > 0 {
			t.Fatalf("got %d rooms emptied", emptied)
		}
	}
	if quiet.History.Count != 20 || a.Bytes > a.MaxBytes || a.Bytes != quiet.History.Bytes+busy.History.Bytes || a.Count != quiet.History.Count+busy.History.Count {
		t.Errorf("got %d publications in the quiet room, %d bytes of %d, %d in all", quiet.History.Count, a.Bytes, a.MaxBytes, a.Count)
	}
	if a.Evicted != uint64(1020-a.Count) {
		t.Errorf("got %d counted as evicted, want %d", a.Evicted, 1020-a.Count)
	}
	if len(a.Order) > 3*a.Count+1024 {
		t.Errorf("got an order of %d for %d publications", len(a.Order), a.Count)
	}
}
