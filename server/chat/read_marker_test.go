package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/marker"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/timeline"
)

// marked is what a MarkDone got.
type marked struct {
	calls int
	upto  uint64
	e     *Rejection
}

func (ma *marked) String() string { return fmt.Sprintf("%d calls, %d, %v", ma.calls, ma.upto, ma.e) }

// mark moves the read marker of a user.
func mark(h *Hub, room, user string, upto uint64) *marked {
	ma := &marked{}
	h.MarkRead(h.RoomRef(room), &ClientInfo{User: user, Client: "client of " + user}, upto, func(upto uint64, e *Rejection) {
		ma.calls, ma.upto, ma.e = ma.calls+1, upto, e
	})
	return ma
}

// sayDurably publishes data of a user in a durable chat room.
func sayDurably(h *Hub, fake *brokertest.Fake, room, user, data string) {
	oc, _ := propose(h, room, user, data)
	if fake.Settle(); oc.e != nil {
		panic(fmt.Sprintf("%s: %v", data, oc.e))
	}
}

// wantUnread compares what a user has not read in a room.
func wantUnread(t *testing.T, h *Hub, room, user string, messages, mentions int, upto uint64) {
	t.Helper()
	u := h.UnreadOf(room, user)
	if u.Messages != messages || u.Mentions != mentions || u.Upto != upto {
		t.Errorf("%s in %s: got %d messages, %d mentions behind %d; want %d, %d behind %d", user, room, u.Messages, u.Mentions, u.Upto, messages, mentions, upto)
	}
}

func TestAReadMarkerNeverGoesBack(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	mustSay(t, h, "x", "ann", `{"id":"a","text":"1","mentions":["bob"]}`)
	mustSay(t, h, "x", "bob", `{"id":"b","text":"2"}`)
	mustSay(t, h, "x", "ann", `{"id":"c","text":"3","mentions":["bob","eve"]}`)
	wantUnread(t, h, "x", "bob", 2, 2, 0)
	for _, step := range []struct{ upto, want uint64 }{{2, 2}, {1, 2}, {2, 2}, {3, 3}, {1, 3}} {
		if got := mark(h, "x", "bob", step.upto); got.calls != 1 || got.upto != step.want || got.e != nil {
			t.Errorf("read up to %d: got %v, want %d", step.upto, got, step.want)
		}
	}
	for _, upto := range []uint64{4, 1 << 63, 1<<64 - 1} {
		if got := mark(h, "x", "bob", upto); got.calls != 1 || got.e == nil || got.e.Cause != CauseInvalid || !strings.Contains(got.e.Detail, "1 to 3") {
			t.Errorf("read up to %d of 3: got %v, want a rejection that gives the newest offset", upto, got)
		}
	}
	wantUnread(t, h, "x", "bob", 0, 0, 3)
	wantUnread(t, h, "x", "ann", 1, 0, 0)
	wantUnread(t, h, "x", "eve", 3, 1, 0)
	if last := h.UnreadOf("x", "eve").Last; last.ID != "c" || last.Text != "3" {
		t.Errorf("got %+v, want the newest message", last)
	}
	if got := mark(h, "none", "bob", 1); got.e == nil || got.e.Cause != CauseInvalid || h.Rooms.Count() != 1 {
		t.Errorf("a room without messages: got %v and %d rooms", got, h.Rooms.Count())
	}
	if got := mark(h, "x", strings.Repeat("u", marker.MaxName+1), 1); got.e == nil || got.e.Cause != CauseLimit {
		t.Errorf("a long name: got %v", got)
	}
}

// The reply of a marker that is already proposed has to wait for the disk as well.
func TestAReadMarkerIsAcknowledgedWhenItIsOnDisk(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	rooms := durableChatRoom("*", 10)
	h := newDurableHub(t, fake, rooms)
	for i := range 5 {
		sayDurably(h, fake, "x", "ann", fmt.Sprintf(`{"id":"%d","text":"hello"}`, i))
	}
	first, lower, same := mark(h, "x", "bob", 3), mark(h, "x", "bob", 2), mark(h, "x", "bob", 3)
	for _, got := range []*marked{first, lower, same} {
		if got.calls != 0 {
			t.Errorf("before the commit: got %v", got)
		}
	}
	wantUnread(t, h, "x", "bob", 5, 0, 0)
	newest := mark(h, "x", "bob", 4)
	fake.Settle()
	for _, c := range []struct {
		got  *marked
		want uint64
	}{{first, 3}, {lower, 3}, {same, 3}, {newest, 4}} {
		if c.got.calls != 1 || c.got.upto != c.want || c.got.e != nil {
			t.Errorf("got %v, want %d", c.got, c.want)
		}
	}
	wantUnread(t, h, "x", "bob", 1, 0, 4)
	if got := mark(h, "x", "bob", 1); got.calls != 1 || got.upto != 4 {
		t.Errorf("a lower one after the commit: got %v, want 4 at once", got)
	}

	again := newDurableHub(t, fake, rooms)
	wantUnread(t, again, "x", "bob", 1, 0, 4)
	if again.ValueBytes() != h.ValueBytes() {
		t.Errorf("after a restart: got %d bytes, want %d", again.ValueBytes(), h.ValueBytes())
	}
	fake.Down(true)
	if lost := mark(again, "x", "bob", 5); lost.calls == 0 {
		fake.Settle()
		if lost.calls != 1 || lost.e == nil {
			t.Errorf("without a disk: got %v, want a rejection", lost)
		}
	}
	wantUnread(t, again, "x", "bob", 1, 0, 4)
}

// The log is trimmed again and again: markers that nobody moves stay.
func TestReadMarkersOutliveTheRecordsThatHaveThem(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	rooms := durableChatRoom("*", 10)
	h := newDurableHub(t, fake, rooms)
	sayDurably(h, fake, "x", "ann", `{"id":"first","text":"hello"}`)
	const users = 300
	for i := range users {
		mark(h, "x", fmt.Sprint("user ", i), 1)
	}
	fake.Settle()
	text := strings.Repeat("x", 16<<10)
	for i := range 200 { // three times the largest log
		sayDurably(h, fake, "y", "ann", fmt.Sprintf(`{"id":"%d","text":%q}`, i, text))
		if h.Durable("").Due() {
			fake.StepUntil(func() { h.Durable("").Maintain(t.Context()) })
		}
	}
	if trims := testutil.ToFloat64(h.Metrics.Durable.Trims); trims == 0 {
		t.Error("the log was not trimmed")
	}
	again := newDurableHub(t, fake, rooms)
	for i := range users {
		if u := again.UnreadOf("x", fmt.Sprint("user ", i)); u.Upto != 1 {
			t.Fatalf("user %d: got %d, want 1", i, u.Upto)
		}
	}
}

// Evicted messages are not unread, and the marker stays.
func TestEvictionKeepsAReadMarker(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 3))
	mustSay(t, h, "x", "ann", `{"id":"a","text":"1"}`)
	mark(h, "x", "bob", 1)
	for i := range 7 {
		mustSay(t, h, "x", "ann", fmt.Sprintf(`{"id":"%d","text":"hello"}`, i))
	}
	wantUnread(t, h, "x", "bob", 3, 0, 1)
	h.ClearHistory("x")
	wantUnread(t, h, "x", "bob", 0, 0, 1)
	if got := mark(h, "x", "bob", 8); got.upto != 8 || got.e != nil {
		t.Errorf("the newest offset of an empty room: got %v, want 8", got)
	}
	mustSay(t, h, "x", "ann", `{"id":"new","text":"hello"}`)
	wantUnread(t, h, "x", "bob", 1, 0, 8)
}

// In a new epoch, offsets begin again: an old marker must not hide new messages.
func TestAReadMarkerOfAnotherEpochDoesNotCount(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	for i := range 5 {
		mustSay(t, h, "x", "ann", fmt.Sprintf(`{"id":"%d","text":"hello"}`, i))
	}
	mark(h, "x", "bob", 5)
	h.ClearHistory("x")
	h.Positions.forget("x")
	if _, is := h.Rooms.StripeOf("x").rooms["x"]; is {
		t.Fatal("the room is still there")
	}
	mustSay(t, h, "x", "ann", `{"id":"a","text":"1"}`)
	mustSay(t, h, "x", "ann", `{"id":"b","text":"2"}`)
	wantUnread(t, h, "x", "bob", 2, 0, 0)
	if got := mark(h, "x", "bob", 1); got.upto != 1 {
		t.Errorf("got %v, want 1", got)
	}
	wantUnread(t, h, "x", "bob", 1, 0, 1)
}

// A node that was the owner of a room gave it another epoch. The owner of now does not replace a marker by one of that epoch.
func TestTheOwnerRejectsAMarkerOfAnotherEpoch(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{})
	h := newDurableHub(t, fake, durableChatRoom("*", 10))
	sayDurably(h, fake, "x", "ann", `{"id":"a","text":"1"}`)
	sayDurably(h, fake, "x", "ann", `{"id":"b","text":"2"}`)
	mark(h, "x", "bob", 1)
	fake.Settle()
	_, at, _ := h.Read("x", nil, 0, 1, false)
	before := checkOf((&markerFamily{prefix: readPrefix}).data(marker.Entry{Number: 1, Epoch: epochNumber(at.Epoch)}))
	for i, epoch := range []uint64{epochNumber(at.Epoch) + 1, epochNumber(at.Epoch)} {
		var got link.Answer
		h.Serve(h.Logs()[0], link.Origin{Edge: 9, Number: uint64(i + 1)}, []record.Entry{{
			Kind: record.Value, Room: "x", Key: readPrefix + "bob", Data: (&markerFamily{prefix: readPrefix}).data(marker.Entry{Number: 2, Epoch: epoch}), Generation: before,
		}}, func(a link.Answer) { got = a })
		fake.Settle()
		if isOther := i == 0; got.Rejected != isOther || isOther && got.Cause != uint8(causeChanged) {
			t.Errorf("a marker of the epoch %d: got %+v, rejected should be %t", epoch, got, isOther)
		}
		wantUnread(t, h, "x", "bob", 1-i, 0, uint64(1+i))
	}
}

// New readers beyond the limit of a room end the markers that are furthest behind.
func TestReadMarkersOfARoomAreBounded(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, chatRoom("*", 10))
	mustSay(t, h, "x", "ann", `{"id":"a","text":"1"}`)
	mustSay(t, h, "x", "ann", `{"id":"b","text":"2"}`)
	for i := range marker.MaxMarkers + 1000 {
		upto := uint64(2)
		if i < 5000 {
			upto = 1
		}
		if got := mark(h, "x", fmt.Sprint("user ", i), upto); got.e != nil || got.upto != upto {
			t.Fatalf("user %d: got %v", i, got)
		}
	}
	all := valuesOf(h, "x")
	if len(all) > marker.MaxMarkers || len(all) < marker.MaxMarkers-droppedAtOnce {
		t.Errorf("got %d markers, want about %d", len(all), marker.MaxMarkers)
	}
	for i := 5000; i < marker.MaxMarkers+1000; i++ {
		if all[fmt.Sprint(readPrefix, "user ", i)] == "" {
			t.Fatalf("user %d lost its marker, and users further behind have one", i)
		}
	}
	if got := testutil.ToFloat64(h.Metrics.MarkersDropped); int(got) != marker.MaxMarkers+1000-len(all) {
		t.Errorf("got %v dropped markers, want %d", got, marker.MaxMarkers+1000-len(all))
	}
}

func TestReceiptsAreGathered(t *testing.T) {
	t.Parallel()
	re := &receipts{}
	for i := range 3 * maxReceiptUsers {
		re.add("big", fmt.Sprint(i%(maxReceiptUsers+50)), uint64(i))
	}
	re.add("small", "ann", 7)
	re.add("small", "ann", 3)
	first, second, third := re.take(), re.take(), re.take()
	if len(first["big"]) != maxReceiptUsers || len(second["big"]) != 50 || len(third) > 0 || re.count != 0 {
		t.Errorf("got %d, %d and %d users, and count %d", len(first["big"]), len(second["big"]), len(third), re.count)
	}
	if first["small"]["ann"]+second["small"]["ann"] != 7 {
		t.Errorf("got %v and %v, want the newest marker once", first["small"], second["small"])
	}
	for i := range maxReceipts + 10 {
		if got := re.add(fmt.Sprint("room ", i), "ann", 1); got != (i < maxReceipts) {
			t.Fatalf("receipt %d: got %v", i, got)
		}
	}
	if !re.add("room 1", "ann", 2) {
		t.Error("a newer marker of a user that waits was dropped")
	}
	if got := len(re.take()); got != maxReceiptsAtOnce {
		t.Errorf("got %d receipts at once, want %d", got, maxReceiptsAtOnce)
	}
}

// BenchmarkUnread measures what rpc unread reads in 200 rooms of 1,000 messages.
func BenchmarkUnread(b *testing.B) {
	o := chatRoom("*", 1000)
	o.HistoryTTL = time.Hour
	h := newTestHub(b, o)
	rooms := make([]string, 200)
	for i := range rooms {
		rooms[i] = fmt.Sprint("room ", i)
		for j := range 1000 {
			if _, _, e := say(h, rooms[i], fmt.Sprint("user ", j%20), fmt.Sprintf(`{"id":"%d","text":"hello, this is a message","mentions":["bob"]}`, j)); e != nil {
				b.Fatal(e)
			}
		}
		mark(h, rooms[i], "bob", 500)
	}
	b.ReportAllocs()
	var last timeline.View
	for b.Loop() {
		for _, room := range rooms {
			last = h.UnreadOf(room, "bob").Last
		}
	}
	if last.ID != "999" {
		b.Errorf("got %+v", last)
	}
}

// BenchmarkMarkRead measures 20,000 users who read one message, with its commits.
func BenchmarkMarkRead(b *testing.B) {
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(b, fake, durableChatRoom("*", 1000))
	users := make([]string, 20_000)
	for i := range users {
		users[i] = fmt.Sprintf("%036d", i)
	}
	for upto := uint64(1); b.Loop(); upto++ {
		sayDurably(h, fake, "x", "ann", fmt.Sprintf(`{"id":"%d","text":"hello"}`, upto))
		for i, user := range users {
			mark(h, "x", user, upto)
			if i%1000 == 0 {
				fake.Settle()
			}
		}
		fake.Settle()
		if got := h.UnreadOf("x", users[7]).Upto; got != upto {
			b.Fatalf("got %d, want %d", got, upto)
		}
	}
}
