package chat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/home"
)

// setValue sets a value, or removes it if data is empty.
func setValue(h *Hub, room, key, data string) *outcome {
	oc := &outcome{}
	h.SetValues(room, []Value{{key, []byte(data)}}, oc.done)
	return oc
}

// valuesOf returns the values of a room by key.
func valuesOf(h *Hub, room string) map[string]string {
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	all := map[string]string{}
	if rv := in.values[room]; rv != nil {
		rv.each(func(v Value, _ valueAt) bool {
			all[v.Key] = string(v.Data)
			return true
		})
		if rv.count != len(all) {
			panic(fmt.Sprintf("%s counts %d values, and has %d", room, rv.count, len(all)))
		}
	}
	return all
}

func TestAValueIsVisibleWhenItIsOnDisk(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	for _, room := range []string{"d", ""} {
		first := setValue(h, room, "a", "1")
		if got := h.Value(room, "a"); first.calls != 0 || got != nil {
			t.Errorf("%q, before the commit: got %q and %d calls of Done, want none", room, got, first.calls)
		}
		fake.Settle()
		if got := h.Value(room, "a"); first.calls != 1 || first.e != nil || string(got) != "1" {
			t.Errorf("%q: got %q, %+v", room, got, first)
		}
		setValue(h, room, "b", "2")
		setValue(h, room, "a", "3")
		setValue(h, room, "c", "4")
		setValue(h, room, "c", "")
	}
	fake.Settle()
	again := newDurableHub(t, fake, durableRooms("d*"))
	for _, room := range []string{"d", ""} {
		if got, want := fmt.Sprint(valuesOf(again, room)), "map[a:3 b:2]"; got != want {
			t.Errorf("%q after a restart: got %s, want %s", room, got, want)
		}
	}
	if got, want := again.ValueBytes(), h.ValueBytes(); got != want || got == 0 {
		t.Errorf("got %d bytes after a restart, want %d", got, want)
	}
	setValue(again, "d", "", "")
	setValue(again, "", "", "")
	fake.Settle()
	if got := again.ValueBytes(); got != 0 || len(valuesOf(again, "d")) > 0 {
		t.Errorf("got %d bytes without values", got)
	}
	if n := again.Rooms.Count(); n != 0 {
		t.Errorf("got %d rooms, want none: values need no room", n)
	}
}

func TestAValueInMemoryIsVisibleAtOnce(t *testing.T) {
	t.Parallel()
	for _, h := range []*Hub{newTestHub(t), newDurableHub(t, brokertest.New(brokertest.Options{Seed: 1}), durableRooms("d*"))} {
		if oc := setValue(h, "room", "a", "1"); oc.calls != 1 || oc.e != nil || string(h.Value("room", "a")) != "1" {
			t.Errorf("got %+v and %q", oc, h.Value("room", "a"))
		}
		setValue(h, "room", "a", "")
		if h.Value("room", "a") != nil || h.values.bytes.Load() != 0 || len(h.Rooms.StripeOf("room").values) != 0 {
			t.Errorf("got %q and %d bytes after the removal", h.Value("room", "a"), h.values.bytes.Load())
		}
	}
}

// A change that depends on the value before sees the changes that are proposed.
func TestAChangeSeesTheProposedValues(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	count := func() {
		h.ChangeValues("d", func(vr ValueReader) ([]Value, *Rejection) {
			return []Value{{"n", append(slices.Clone(vr.Get("n")), 'x')}}, nil
		}, func(StreamPosition, *Rejection) {})
	}
	count()
	count()
	setValue(h, "d", "", "")
	count()
	count()
	count()
	fake.Settle()
	if got := string(h.Value("d", "n")); got != "xxx" {
		t.Errorf("got %q, want the three changes after the removal", got)
	}
	rejected := &outcome{}
	h.ChangeValues("d", func(ValueReader) ([]Value, *Rejection) { return []Value{{"n", nil}}, rejectDenied }, rejected.done)
	if rejected.calls != 1 || rejected.e != rejectDenied {
		t.Errorf("got %+v, want the rejection", rejected)
	}
}

func TestValuesAreBounded(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*")) // 1 MiB of log: 256 KiB of values
	for _, c := range []struct{ key, data, want string }{
		{strings.Repeat("k", MaxValueKey+1), "1", "the key of a value has 513 bytes"},
		{"", "1", "the key of a value has 0 bytes"},
		{"k", strings.Repeat("x", maxValueChange), "the change has"},
		{"k", strings.Repeat("x", 256<<10), "members, markers and settings use the 262144 bytes"},
	} {
		if oc := setValue(h, "d", c.key, c.data); oc.e == nil || oc.e.Cause != CauseLimit || !strings.HasPrefix(oc.e.Detail, c.want) {
			t.Errorf("%.5q: got %+v, want %q", c.key, oc.e, c.want)
		}
	}
	if got := h.ValueBytes(); got != 0 {
		t.Errorf("rejected changes count %d bytes", got)
	}
	full := strings.Repeat("x", 100<<10)
	setValue(h, "d", "a", full)
	setValue(h, "d", "b", full)
	third := setValue(h, "d", "c", full)
	if third.e == nil {
		t.Error("got no rejection: bytes that are proposed do not count")
	}
	fake.Settle()
	if again := setValue(h, "d", "a", strings.Repeat("y", 100<<10)); again.e != nil {
		t.Errorf("a change that needs no more bytes is rejected: %+v", again.e)
	}
	if oc := setValue(h, "d", "a", ""); oc.e != nil {
		t.Errorf("a removal is rejected: %+v", oc.e)
	}
	fake.Settle()
	if oc := setValue(h, "d", "c", full); oc.e != nil {
		t.Errorf("after a removal: got %+v", oc.e)
	}
}

// Values of a room that was in memory for a while do not come back.
func TestValuesOfARoomThatWasInMemoryAreGone(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	setValue(h, "d", "a", "1")
	setValue(h, "", "a", "1")
	fake.Settle()
	between := newDurableHub(t, fake, roomWithHistory("d*"))
	if got := valuesOf(between, "d"); len(got) > 0 {
		t.Errorf("got %v in memory", got)
	}
	again := newDurableHub(t, fake, durableRooms("d*"))
	if got := valuesOf(again, "d"); len(got) > 0 || string(again.Value("", "a")) != "1" {
		t.Errorf("got %v, and %q of users", got, again.Value("", "a"))
	}
	setValue(again, "d", "a", "2")
	fake.Settle()
	if third := newDurableHub(t, fake, durableRooms("d*")); string(third.Value("d", "a")) != "2" {
		t.Errorf("got %q after another start", third.Value("d", "a"))
	}
}

// A failed log ends the changes that are not committed. Those in the log after all are found.
func TestValuesOfAFailedLog(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	fake.Stall(true)
	waiting := setValue(h, "d", "a", "1")
	h.Durable("").Tick(1)
	h.Durable("").Tick(11)
	fake.Stall(false)
	fake.StepUntil(func() { h.Durable("").Maintain(t.Context()) })
	if waiting.calls != 1 || waiting.e != RejectUnavailable {
		t.Errorf("got %+v, want a temporary error", waiting)
	}
	if got := string(h.Value("d", "a")); got != "1" {
		t.Errorf("got %q, want the value that the disk stored after all", got)
	}
	h.ChangeValues("d", func(vr ValueReader) ([]Value, *Rejection) {
		if got := string(vr.Get("a")); got != "1" {
			t.Errorf("got %q, want the value of the log", got)
		}
		return nil, nil
	}, waiting.done)
	if got, want := h.ValueBytes(), valueSize("d", "a", 1); got != want {
		t.Errorf("got %d bytes, want %d", got, want)
	}
}

// Values survive the removal of their records, while others change them: random changes, trims and restarts.
func TestValuesAreCarriedForward(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			fake := brokertest.New(brokertest.Options{Seed: seed})
			h := newDurableHub(t, fake, durableRooms("d*"))
			model := map[string]map[string]string{"d1": {}, "d2": {}, "": {}}
			rooms := []string{"d1", "d2", ""}
			change := func() {
				room, key, data := rooms[r.IntN(3)], fmt.Sprint("key", r.IntN(100)), ""
				switch n := r.IntN(200); {
				case n == 0:
					key = ""
					clear(model[room])
				case n < 40:
					delete(model[room], key)
				default:
					data = strings.Repeat(fmt.Sprint(n), 1+r.IntN(60))
					model[room][key] = data
				}
				setValue(h, room, key, data)
			}
			trims := 0
			for n := 0; trims < 12; n++ {
				change()
				if r.IntN(3) == 0 {
					h.Propose(h.RoomRef("d3"), Publication{Data: []byte(`"` + strings.Repeat("x", 3000) + `"`), Form: FormJSON}, PublishOptions{}, nil)
				}
				if r.IntN(4) == 0 {
					fake.StepUntil(func() {
						for h.Durable("").Due() {
							h.Durable("").Maintain(t.Context())
						}
					})
				}
				if r.IntN(300) == 0 {
					fake.Settle()
					trims += int(testutil.ToFloat64(h.Metrics.Durable.Trims))
					h = newDurableHub(t, fake, durableRooms("d*"))
				}
				if n > 100_000 {
					t.Fatal("too few trims")
				}
			}
			fake.Settle()
			for _, h := range []*Hub{h, newDurableHub(t, fake, durableRooms("d*"))} {
				bytes := int64(0)
				for _, room := range rooms {
					if got, want := fmt.Sprint(valuesOf(h, room)), fmt.Sprint(model[room]); got != want {
						t.Errorf("%q: got %s, want %s", room, got, want)
					}
					for key, data := range model[room] {
						bytes += valueSize(room, key, len(data))
					}
				}
				if got := h.ValueBytes(); got != bytes {
					t.Errorf("got %d bytes, want %d", got, bytes)
				}
			}
			if first, _ := fake.Records(0); first < 20 {
				t.Errorf("the oldest record is %d: no record was removed", first)
			}
		})
	}
}

// The log of rooms that change values only stays bounded, and is not rewritten again and again.
func TestALogOfValuesIsBounded(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newTestHub(t, durableRooms("d*"))
	h.UseLog(home.Config{Engine: fake.Start("a"), MaxBytes: 1 << 20}, nil)
	var err error
	if fake.StepUntil(func() { err = h.Durable("").Open(t.Context()) }); err != nil {
		t.Fatal(err)
	}
	data := strings.Repeat("x", 100)
	proposed := 0
	for n := range 40_000 {
		oc := setValue(h, "d", fmt.Sprint("key", n%1500), data) // about 200 KiB
		if n%100 == 0 {
			fake.StepUntil(func() {
				for h.Durable("").Due() {
					h.Durable("").Maintain(t.Context())
				}
			})
		}
		if oc.e != nil {
			t.Fatalf("change %d: %+v", n, oc.e)
		}
		proposed += len(data) + 40
	}
	fake.Settle()
	written := int(testutil.ToFloat64(h.Metrics.Durable.Bytes))
	if written > 3*proposed {
		t.Errorf("got %d bytes in the log for %d of changes", written, proposed)
	}
	_, records := fake.Records(0)
	bytes := 0
	for _, b := range records {
		bytes += len(b)
	}
	if bytes > 2<<20 {
		t.Errorf("the log has %d bytes, want about %d", bytes, 1<<20)
	}
}

// A value that an open proposal replaces is not carried forward behind that proposal.
func TestAnOpenChangeIsNotTakenBack(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	for _, key := range []string{"changed", "removed", "same"} {
		setValue(h, "d", key, "1")
	}
	setValue(h, "d2", "all", "1")
	fake.Settle()
	first, records := fake.Records(0)
	setValue(h, "d", "changed", "2")
	setValue(h, "d", "removed", "")
	setValue(h, "d2", "", "")
	if more, err := (committer{h, h.Durable("")}).Carry(first + uint64(len(records)) - 1); more || err != nil {
		t.Errorf("got %v, %v", more, err)
	}
	fake.Settle()
	for _, h := range []*Hub{h, newDurableHub(t, fake, durableRooms("d*"))} {
		if got, want := fmt.Sprint(valuesOf(h, "d"), valuesOf(h, "d2")), "map[changed:2 same:1] map[]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
