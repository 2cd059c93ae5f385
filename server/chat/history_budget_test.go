package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/wheel"
)

// The budget subtracts publications that expire, or that are cleared or redacted.
func TestTheHistoryBudgetSubtractsEvictions(t *testing.T) {
	for name, drop := range map[string]func(*historyBudget, *Room){
		"expired": func(a *historyBudget, r *Room) { a.expire(r, 8); a.expire(r, 99) },
		"cleared": func(a *historyBudget, r *Room) { a.Clear(r) },
	} {
		a := historyBudget{maxBytes: 1 << 20}
		r := NewRoom(&Stripe{}, "x", &Options{RoomOptions: RoomOptions{HistorySize: 5}}, 1)
		for n := range 10 {
			a.Append(r, &Publication{Data: []byte("a text"), At: wheel.Tick(n)})
		}
		if a.count != 5 || a.bytes != r.History.Bytes {
			t.Errorf("got %d publications of %d bytes counted, want 5 of %d", a.count, a.bytes, r.History.Bytes)
		}
		a.Redact(r, r.History.At(3))
		if a.bytes != r.History.Bytes {
			t.Errorf("redacted: got %d bytes counted, want %d", a.bytes, r.History.Bytes)
		}
		if drop(&a, r); a.count != 0 || a.bytes != 0 {
			t.Errorf("%s: got %d publications of %d bytes counted, want none", name, a.count, a.bytes)
		}
	}
}

// The bytes of all histories together are bounded: the oldest publication of all is evicted first.
func TestAllHistoriesTogetherAreBounded(t *testing.T) {
	t.Parallel()
	const each, most = 100, 20
	const used = 3 // of the rooms below have publications
	a := historyBudget{maxBytes: most*(each+PublicationOverhead) + used*HistoryOverhead}
	rooms := make([]*Room, 5)
	for i := range rooms {
		rooms[i] = NewRoom(&Stripe{}, fmt.Sprint(i), &Options{RoomOptions: RoomOptions{HistorySize: 1000}}, 1)
	}
	var order []string
	for n := range 5000 {
		r := rooms[n*n%len(rooms)]
		p := Publication{Data: make([]byte, each)}
		a.Append(r, &p)
		a.evict(r, func(*Room) {})
		order = append(order, fmt.Sprint(r.Name, " ", p.Offset))
		var held []string
		for _, r := range rooms {
			for _, o := range offsets(r.History.page(nil, -1, math.MaxInt, false)) {
				held = append(held, fmt.Sprint(r.Name, " ", o))
			}
		}
		want := slices.Clone(order[max(0, len(order)-most):])
		slices.Sort(held)
		slices.Sort(want)
		if !slices.Equal(held, want) {
			t.Fatalf("after %d: got %v, want the newest %d: %v", n+1, held, most, want)
		}
		nonEmpty := 0
		for _, r := range rooms {
			if r.History.Count > 0 {
				nonEmpty++
			}
		}
		if a.bytes != len(held)*(each+PublicationOverhead)+nonEmpty*HistoryOverhead || a.count != len(held) {
			t.Fatalf("after %d: got %d bytes and %d publications counted, %d held", n+1, a.bytes, a.count, len(held))
		}
	}
	if len(a.order) > 2*most+1024+1 {
		t.Errorf("got %d entries in the order of %d publications", len(a.order), most)
	}
}

// A busy room evicts its own publications, and not those of rooms that hold less.
func TestABusyRoomDoesNotEvictOtherHistories(t *testing.T) {
	o := DefaultRoom()
	o.HistorySize = 1000
	emptied := 0
	a := historyBudget{maxBytes: 64 << 10}
	release := func(r *Room) {
		if r.History.Count == 0 {
			emptied++
		}
	}
	quiet, busy := NewRoom(&Stripe{}, "quiet", &Options{RoomOptions: o}, 1), NewRoom(&Stripe{}, "busy", &Options{RoomOptions: o}, 1)
	for range 20 {
		a.Append(quiet, &Publication{Data: make([]byte, 10)})
	}
	for range 1000 {
		a.Append(busy, &Publication{Data: make([]byte, 1000)})
		if a.evict(busy, release); emptied > 0 {
			t.Fatalf("got %d rooms emptied", emptied)
		}
	}
	if quiet.History.Count != 20 || a.bytes > a.maxBytes || a.bytes != quiet.History.Bytes+busy.History.Bytes || a.count != quiet.History.Count+busy.History.Count {
		t.Errorf("got %d publications in the quiet room, %d bytes of %d, %d in all", quiet.History.Count, a.bytes, a.maxBytes, a.count)
	}
	if a.evicted != uint64(1020-a.count) {
		t.Errorf("got %d counted as evicted, want %d", a.evicted, 1020-a.count)
	}
	if len(a.order) > 3*a.count+1024 {
		t.Errorf("got an order of %d for %d publications", len(a.order), a.count)
	}
}

// The history counts about the memory that it uses.
func TestTheHistoryCountsItsMemory(t *testing.T) {
	ends := strings.Repeat("\n", 30_000)
	for name, make := range map[string]func(n int) Publication{
		"short": func(n int) Publication { return Publication{Data: fmt.Append(nil, n), Form: FormJSON} },
		"long":  func(n int) Publication { return Publication{Data: make4k(n), Form: FormJSON} },
		"line ends": func(n int) Publication {
			var b bytes.Buffer
			if err := json.Compact(&b, fmt.Appendf(nil, "[%s%d]", ends, n)); err != nil {
				t.Fatal(err)
			}
			return Publication{Data: Compact(b.Bytes()), Form: FormJSON}
		},
		"each by another": func(n int) Publication {
			return Publication{Data: fmt.Append(nil, n), Info: &ClientInfo{
				User: fmt.Sprint("user ", n), Client: fmt.Sprintf("%032d", n), ConnInfo: fmt.Appendf(nil, `{"name":"%d"}`, n),
			}}
		},
		"with tags": func(n int) Publication {
			tags := map[string]string{}
			for i := range n % 20 {
				tags[fmt.Sprint(i)] = fmt.Sprint(n)
			}
			return Publication{Data: fmt.Append(nil, n), Tags: tags}
		},
	} {
		t.Run(name, func(t *testing.T) {
			publications := 30_000
			if name == "long" || name == "line ends" {
				publications = 2000
			}
			o := DefaultRoom()
			o.HistorySize, o.HistoryTTL = publications, MaxHistoryTTL
			r := NewRoom(&Stripe{}, "x", &Options{RoomOptions: o}, 1)
			a := historyBudget{maxBytes: 1 << 30}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.GC() // the second one frees what pools have of earlier tests
			runtime.ReadMemStats(&before)
			for n := range publications {
				p := make(n)
				a.Append(r, &p)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			grew := int(after.HeapAlloc) - int(before.HeapAlloc)
			const others = 2 << 20 // bytes of other tests
			if grew > a.bytes+a.bytes/4+others || a.bytes > 3*(grew+others) {
				t.Errorf("got %d bytes counted, while the heap grew by %d", a.bytes, grew)
			}
			runtime.KeepAlive(r)
			if freed := r.History.clearTo(r.History.LastOffset); freed != a.bytes {
				t.Errorf("got %d bytes freed of %d", freed, a.bytes)
			}
		})
	}
}

func make4k(n int) []byte { return fmt.Appendf(nil, `"%d %s"`, n, strings.Repeat("x", 4<<10)) }
