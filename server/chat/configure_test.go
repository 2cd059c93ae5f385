package chat

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
)

// reconfigured returns the configuration of newTestHub with other rooms.
func reconfigured(rooms ...RoomOptions) Config {
	return Config{Rooms: rooms, OtherRooms: RoomsOpen, HistoryBytes: 64 << 20}
}

// publishTo publishes n times in a room and returns the last position.
func publishTo(h *Hub, room string, n int) (at StreamPosition) {
	for range n {
		_, at = h.Publish(h.RoomRef(room), Publication{Data: []byte("1"), Form: FormJSON}, PublishOptions{})
	}
	return at
}

// with returns options with a change.
func with(o RoomOptions, change func(*RoomOptions)) RoomOptions {
	change(&o)
	return o
}

func countOf(h *Hub, room string) int {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	if r == nil {
		return -1
	}
	return r.History.Count
}

func TestAHistoryHasItsNewSizeAtOnce(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, roomWithHistory("*"))
	at := publishTo(h, "x", 10)
	smaller := with(roomWithHistory("*"), func(o *RoomOptions) { o.HistorySize = 3 })
	h.Configure(reconfigured(smaller))
	if got := countOf(h, "x"); got != 3 {
		t.Errorf("got %d publications, want 3", got)
	}
	if pubs, now, e := h.Read("x", nil, -1, 1<<20, false); e != nil || now != at || len(pubs) != 3 || pubs[2].Offset != at.Offset {
		t.Errorf("got %v at %v, %v; want the newest 3 at %v", pubs, now, e, at)
	}
	h.Configure(reconfigured(with(smaller, func(o *RoomOptions) { o.HistorySize = 20 })))
	if publishTo(h, "x", 30); countOf(h, "x") != 20 {
		t.Errorf("got %d publications, want 20", countOf(h, "x"))
	}
	if count, bytes, _ := h.HistoryBudget.Counts(); count != 20 || bytes <= 0 {
		t.Errorf("got %d publications and %d bytes in the budget, want 20", count, bytes)
	}
}

func TestAShrunkHistoryReleasesItsMemory(t *testing.T) {
	t.Parallel()
	var hist History
	for range 1000 {
		hist.add(&Publication{Data: []byte("1")}, 1000)
	}
	bytes := hist.Bytes
	if freed := hist.shrink(2); freed != bytes-hist.Bytes || hist.Count != 2 || len(hist.ring) > 14 || hist.At(1).Offset != 1000 {
		t.Errorf("got %d freed of %d, %d publications in a ring of %d", freed, bytes-hist.Bytes, hist.Count, len(hist.ring))
	}
	hist.add(&Publication{Data: []byte("1")}, 2)
	if hist.Count != 2 || hist.At(1).Offset != 1001 {
		t.Errorf("got %d publications, the last %d", hist.Count, hist.At(hist.Count-1).Offset)
	}
}

func TestAHistoryHasItsNewTTLAtOnce(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, roomWithHistory("*"))
	publishTo(h, "x", 10)
	r, unlock := h.Rooms.Find("x")
	due := h.Clock.Tick() + r.HistoryTTL()
	unlock()
	h.Configure(reconfigured(with(roomWithHistory("*"), func(o *RoomOptions) { o.HistoryTTL = 2 * time.Second })))
	h.ExpireRooms(h.Clock.Tick() + fanout.InTicks(time.Second))
	if got := countOf(h, "x"); got != 10 {
		t.Errorf("got %d publications before the new TTL, want 10", got)
	}
	// The heartbeat finds the room at its new time, far before the old one.
	in := r.Stripe
	in.Mu.Lock()
	found := in.retention.Advance(h.Clock.Tick()+fanout.InTicks(4*time.Second), nil)
	in.Mu.Unlock()
	if len(found) != 1 || found[0] != r {
		t.Errorf("got %d rooms due, want the room before tick %d", len(found), due)
	}
}

// Publications without a history have no offsets. A client with a position from before must not believe that it has missed none.
func TestAHistoryThatWasOffBeginsANewEpoch(t *testing.T) {
	t.Parallel()
	for _, members := range []bool{true, false} {
		h := newTestHub(t, roomWithHistory("*"))
		before := publishTo(h, "x", 10)
		if r, unlock := h.Rooms.Find("x"); members {
			r.Members++ // keeps the room
			unlock()
		} else {
			h.HistoryBudget.Clear(r)
			h.releaseLocked(r) // its position is stored
			unlock()
		}
		off := with(roomWithHistory("*"), func(o *RoomOptions) { o.HistorySize, o.HistoryTTL, o.Recovery = 0, 0, false })
		h.Configure(reconfigured(off))
		if at := publishTo(h, "x", 5); at != (StreamPosition{}) {
			t.Errorf("members %t: got position %v without a history", members, at)
		}
		h.Configure(reconfigured(roomWithHistory("*")))
		after := publishTo(h, "x", 20)
		if after.Epoch == before.Epoch || after.Epoch == "" || after.Offset != 20 {
			t.Errorf("members %t: got %v after %v, want offset 20 of another epoch", members, after, before)
		}
		if _, _, e := h.Read("x", &before, -1, 1<<20, false); e != rejectUnrecoverable {
			t.Errorf("members %t: got %v for the old position, want %v", members, e, rejectUnrecoverable)
		}
	}
}

func TestPositionsStayWhereHistoriesStay(t *testing.T) {
	t.Parallel()
	history := roomWithHistory("a:*")
	none := with(history, func(o *RoomOptions) { o.HistorySize, o.HistoryTTL, o.Recovery = 0, 0, false })
	named := func(o RoomOptions, pattern string) RoomOptions { o.Pattern = pattern; return o }
	for what, tt := range map[string]struct {
		before, now []RoomOptions
		want        bool
	}{
		"the same":                   {[]RoomOptions{history, none}, []RoomOptions{history, none}, false},
		"another size":               {[]RoomOptions{history}, []RoomOptions{with(history, func(o *RoomOptions) { o.HistorySize = 2 })}, false},
		"a pattern with a history":   {[]RoomOptions{history}, []RoomOptions{named(history, "b"), history}, false},
		"a history turned on":        {[]RoomOptions{none}, []RoomOptions{history}, false},
		"a history turned off":       {[]RoomOptions{history}, []RoomOptions{none}, true},
		"a pattern removed":          {[]RoomOptions{history}, nil, true},
		"a pattern without removed":  {[]RoomOptions{none}, nil, false},
		"a pattern without in front": {[]RoomOptions{history}, []RoomOptions{named(none, "a:b"), history}, true},
		"another order":              {[]RoomOptions{history, named(none, "*")}, []RoomOptions{named(none, "*"), history}, true},
	} {
		if got := mayEndHistories(newSettings(Config{Rooms: tt.before}), newSettings(Config{Rooms: tt.now})); got != tt.want {
			t.Errorf("%s: got %t, want %t", what, got, tt.want)
		}
	}
}

// An action uses the options of its time, also if the room was looked up before the reload.
func TestAReferenceFromBeforeHasTheOptionsOfNow(t *testing.T) {
	t.Parallel()
	h := newTestHub(t)
	in := h.RoomRef("x")
	closed := with(DefaultRoom(), func(o *RoomOptions) { o.Pattern, o.Subscribe, o.Publish, o.MaxMessage = "x", Nobody, Nobody, 10 })
	h.Configure(reconfigured(closed, roomWithHistory("y")))
	for action := range ActionCount {
		if want := action == ToSeePresence || action == ToReadHistory; h.Authorize(Actor{User: "ann", Member: true}, action, in) != want {
			t.Errorf("action %d: got %t, want %t", action, !want, want)
		}
	}
	if got := h.MaxPublication(in); got != 10 {
		t.Errorf("got max-message %d, want 10", got)
	}
	old := RoomRef{Name: "y", Options: in.Options}
	h.Publish(old, Publication{Data: []byte("1"), Form: FormJSON}, PublishOptions{})
	if countOf(h, "y") != 1 {
		t.Error("a room was created with the options from before")
	}
}

func TestASmallerBudgetEvictsAtOnce(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, roomWithHistory("*"))
	for i := range 100 {
		publishTo(h, fmt.Sprint(i), 10)
	}
	cfg := reconfigured(roomWithHistory("*"))
	cfg.HistoryBytes = 64 << 10
	h.Configure(cfg)
	if _, bytes, evicted := h.HistoryBudget.Counts(); bytes > cfg.HistoryBytes || evicted == 0 {
		t.Errorf("got %d bytes and %d evicted publications, want %d bytes at most", bytes, evicted, cfg.HistoryBytes)
	}
}

// Publishing while the settings change: each publication has one position, and the histories end within the last size.
func TestConfigureWhilePublishing(t *testing.T) {
	t.Parallel()
	h := newTestHubOf(2, roomWithHistory("*"))
	var publishers sync.WaitGroup
	stop := make(chan struct{})
	for n := range 4 {
		publishers.Go(func() {
			for i := n; ; i++ {
				select {
				case <-stop:
					return
				default:
					publishTo(h, fmt.Sprint(i%200), 1)
				}
			}
		})
	}
	for i := range 200 {
		size := 1 + i%7
		if i%5 == 0 {
			size = 0
		}
		h.Configure(reconfigured(with(roomWithHistory("*"), func(o *RoomOptions) { o.HistorySize, o.Recovery = size, size > 0 })))
	}
	h.Configure(reconfigured(with(roomWithHistory("*"), func(o *RoomOptions) { o.HistorySize = 2 })))
	close(stop)
	publishers.Wait()
	count := 0
	h.Rooms.each(func(in *Stripe) {
		for _, r := range in.rooms {
			if r.Options().from != h.Settings() || r.History.Count > 2 {
				t.Errorf("room %s: got %d publications, options of now: %t", r.Name, r.History.Count, r.Options().from == h.Settings())
			}
			count += r.History.Count
		}
	})
	if got, _, _ := h.HistoryBudget.Counts(); got != count {
		t.Errorf("got %d publications in the budget, want %d", got, count)
	}
}
