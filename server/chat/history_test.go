package chat

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/throng-chat/throng/server/wheel"
)

func offsets(pubs []Publication) (all []uint64) {
	for _, p := range pubs {
		all = append(all, p.Offset)
	}
	return all
}

// historyOf returns a history of publications 1 to n with a size of most.
func historyOf(n, most int) *History {
	h := &History{}
	for i := range n {
		h.add(&Publication{Data: fmt.Append(nil, i+1), At: wheel.Tick(i + 1)}, most)
	}
	return h
}

func TestAHistoryKeepsTheNewest(t *testing.T) {
	for _, most := range []int{1, 2, 3, 7, 64} {
		h := &History{}
		bytes := 0
		for n := 1; n <= 200; n++ {
			bytes += h.add(&Publication{Data: fmt.Append(nil, n)}, most)
			var want []uint64
			for o := max(1, n-most+1); o <= n; o++ {
				want = append(want, uint64(o))
			}
			if got := offsets(h.page(nil, -1, math.MaxInt, false)); !slices.Equal(got, want) {
				t.Fatalf("most %d, after %d: got %v, want %v", most, n, got, want)
			}
			if bytes != h.Bytes {
				t.Fatalf("most %d, after %d: got %d bytes counted by what add returned, %d held", most, n, bytes, h.Bytes)
			}
		}
		if freed := h.clearTo(h.LastOffset); freed != bytes || h.Count != 0 || h.LastOffset != 200 {
			t.Errorf("cleared: got %d of %d bytes freed, %d left, top %d", freed, bytes, h.Count, h.LastOffset)
		}
	}
}

func TestAPageOfHistory(t *testing.T) {
	h := historyOf(10, 5) // has 6 to 10
	at := func(offset uint64) *StreamPosition { return &StreamPosition{Offset: offset, Epoch: h.Epoch} }
	for _, tt := range []struct {
		name    string
		since   *StreamPosition
		limit   int
		reverse bool
		want    []uint64
	}{
		{name: "no limit is nothing", limit: 0},
		{name: "all", limit: -1, want: []uint64{6, 7, 8, 9, 10}},
		{name: "the first two", limit: 2, want: []uint64{6, 7}},
		{name: "the newest two", limit: 2, reverse: true, want: []uint64{10, 9}},
		{name: "after 7", since: at(7), limit: -1, want: []uint64{8, 9, 10}},
		{name: "after 7, one", since: at(7), limit: 1, want: []uint64{8}},
		{name: "after a dropped offset", since: at(2), limit: 2, want: []uint64{6, 7}},
		{name: "after the newest", since: at(10), limit: -1},
		{name: "after a future offset", since: at(99), limit: -1},
		{name: "before 8", since: at(8), limit: -1, reverse: true, want: []uint64{7, 6}},
		{name: "before 8, one", since: at(8), limit: 1, reverse: true, want: []uint64{7}},
		{name: "before all", since: at(6), limit: -1, reverse: true},
		{name: "before a dropped offset", since: at(3), limit: -1, reverse: true},
		{name: "before a future offset", since: at(99), limit: 2, reverse: true, want: []uint64{10, 9}},
	} {
		if got := offsets(h.page(tt.since, tt.limit, math.MaxInt, tt.reverse)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRecoveryIsCompleteOrFails(t *testing.T) {
	h := historyOf(10, 5) // has 6 to 10
	for _, tt := range []struct {
		name        string
		from        StreamPosition
		most, bytes int
		want        []uint64
		ok          bool
	}{
		{name: "nothing", from: StreamPosition{Offset: 10, Epoch: h.Epoch}, most: 99, bytes: 1 << 20, ok: true},
		{name: "some", from: StreamPosition{Offset: 8, Epoch: h.Epoch}, most: 99, bytes: 1 << 20, want: []uint64{9, 10}, ok: true},
		{name: "the whole history", from: StreamPosition{Offset: 5, Epoch: h.Epoch}, most: 99, bytes: 1 << 20, want: []uint64{6, 7, 8, 9, 10}, ok: true},
		{name: "any epoch", from: StreamPosition{Offset: 9, Epoch: ""}, most: 99, bytes: 1 << 20, want: []uint64{10}, ok: true},
		{name: "one more than the history has", from: StreamPosition{Offset: 4, Epoch: h.Epoch}, most: 99, bytes: 1 << 20},
		{name: "another epoch", from: StreamPosition{Offset: 9, Epoch: "other"}, most: 99, bytes: 1 << 20},
		{name: "the future", from: StreamPosition{Offset: 11, Epoch: h.Epoch}, most: 99, bytes: 1 << 20},
		{name: "too many", from: StreamPosition{Offset: 5, Epoch: h.Epoch}, most: 4, bytes: 1 << 20},
		{name: "too much", from: StreamPosition{Offset: 5, Epoch: h.Epoch}, most: 99, bytes: 4 * PublicationOverhead},
	} {
		got, _, ok := h.after(tt.from, tt.most, tt.bytes)
		if ok != tt.ok || !slices.Equal(offsets(got), tt.want) {
			t.Errorf("%s: got %v %v, want %v %v", tt.name, offsets(got), ok, tt.want, tt.ok)
		}
	}
}

// The history counts the info of the publisher, and a reply contains it.
func TestAHistoryCountsThePublisherInfo(t *testing.T) {
	ann := &ClientInfo{User: "ann", Client: "1", ConnInfo: make([]byte, 1000), ChanInfo: make([]byte, 500)}
	h := &History{}
	for range 3 {
		h.add(&Publication{Data: []byte("1"), Info: ann}, 3)
	}
	const (
		inReply = 1 + 3 + 1 + 1000 + 500 + PublicationOverhead
		stored  = inReply + infoCost
	)
	if want := HistoryOverhead + 3*stored; h.Bytes != want {
		t.Errorf("got %d bytes counted, want %d", h.Bytes, want)
	}
	if _, _, ok := h.after(StreamPosition{}, 3, 3*inReply-1); ok {
		t.Error("the result exceeds the limit of bytes")
	}
	if got := h.page(nil, -1, inReply+1, false); len(got) != 2 {
		t.Errorf("got %d publications in a page of %d bytes, want 2", len(got), inReply+1)
	}
}

func TestHistoryExpires(t *testing.T) {
	h := historyOf(10, 10)
	h.expire(4)
	if got := offsets(h.page(nil, -1, math.MaxInt, false)); !slices.Equal(got, []uint64{4, 5, 6, 7, 8, 9, 10}) {
		t.Errorf("got %v, want 4 to 10", got)
	}
	h.expire(99)
	if h.Count != 0 || h.Bytes != 0 || h.LastOffset != 10 {
		t.Errorf("got %d publications, %d bytes, top %d; want none, and the position", h.Count, h.Bytes, h.LastOffset)
	}
}
