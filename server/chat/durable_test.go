package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/wheel"
)

// durableRooms returns options with a durable history of ten publications.
func durableRooms(pattern string) RoomOptions {
	o := roomWithHistory(pattern)
	o.Durable = true
	return o
}

// newDurableHub returns a hub on a node of a Fake, whose steps the test does itself. The log is open.
func newDurableHub(t testing.TB, fake *brokertest.Fake, rooms ...RoomOptions) *Hub {
	t.Helper()
	h := newTestHub(t, rooms...)
	h.UseLog(home.Config{Engine: fake.Start("a"), MaxBytes: 1 << 20}, nil)
	var err error
	fake.StepUntil(func() { err = h.Durable("").Open(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// outcome is what a Done got.
type outcome struct {
	calls int
	at    StreamPosition
	e     *Rejection
	more  bool // of DeleteRoom
}

func (oc *outcome) done(at StreamPosition, e *Rejection) { oc.calls, oc.at, oc.e = oc.calls+1, at, e }

// proposeText proposes a publication with data.
func proposeText(h *Hub, room, data string, o PublishOptions) *outcome {
	oc := &outcome{}
	h.Propose(h.RoomRef(room), Publication{Data: []byte(data), Form: FormJSON, Info: &ClientInfo{User: "ann", Client: "1"}}, o, oc.done)
	return oc
}

// texts returns the data of a room's history.
func texts(h *Hub, room string) (list []string, at StreamPosition) {
	pubs, at, _ := h.Read(room, nil, -1, 1<<20, false)
	for _, p := range pubs {
		list = append(list, string(p.Data))
	}
	return list, at
}

func TestAPublicationIsInTheHistoryWhenItIsOnDisk(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	first := proposeText(h, "d", "1", PublishOptions{})
	second := proposeText(h, "d", "2", PublishOptions{})
	if list, at := texts(h, "d"); first.calls != 0 || len(list) != 0 || at.Offset != 0 {
		t.Errorf("before the commit: got %d calls of Done and %v at %v, want none", first.calls, list, at)
	}
	fake.Settle()
	list, at := texts(h, "d")
	if first.calls != 1 || second.calls != 1 || second.e != nil || !slices.Equal(list, []string{"1", "2"}) || second.at != at {
		t.Errorf("got %+v, %+v and %v at %v, want two publications", first, second, list, at)
	}

	again := newDurableHub(t, fake, durableRooms("d*"))
	restored, restoredAt := texts(again, "d")
	if !slices.Equal(restored, list) || restoredAt != at {
		t.Errorf("after a restart: got %v at %v, want %v at %v", restored, restoredAt, list, at)
	}
	third := proposeText(again, "d", "3", PublishOptions{})
	fake.Settle()
	if third.at != (StreamPosition{3, at.Epoch}) {
		t.Errorf("after a restart: got position %v, want offset 3 in %s", third.at, at.Epoch)
	}
}

func TestAFailedAppendRejectsAndHeals(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	fake.Down(true)
	lost := proposeText(h, "d", "1", PublishOptions{})
	fake.Settle()
	if lost.calls != 1 || lost.e != RejectUnavailable {
		// The health check of the engine may have rejected it at once.
		t.Errorf("got %+v, want a temporary error", lost)
	}
	fake.Down(false)
	fake.StepUntil(func() { h.Durable("").Maintain(t.Context()) })
	next := proposeText(h, "d", "2", PublishOptions{})
	fake.Settle()
	if list, at := texts(h, "d"); next.e != nil || next.at != at || !slices.Contains(list, "2") {
		t.Errorf("got %+v and %v at %v", next, list, at)
	}
}

// A disk that does not answer is given up 10 ticks of 0.5 s behind the first one after the append. What it stored after all is found.
func TestAnAppendHasATimeout(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	fake.Stall(true)
	waiting := proposeText(h, "d", "1", PublishOptions{IdempotencyKey: "k"})
	for now := range wheel.Tick(10) {
		h.ExpireRooms(100 + now)
	}
	if h.Durable("").Due() {
		t.Fatal("the append was given up early")
	}
	h.ExpireRooms(110)
	if late := proposeText(h, "d", "2", PublishOptions{}); late.e != RejectUnavailable {
		t.Errorf("got %+v, want a rejection at once", late)
	}
	fake.Stall(false)
	fake.StepUntil(func() { h.Durable("").Maintain(t.Context()) })
	if waiting.calls != 1 || waiting.e != RejectUnavailable {
		t.Errorf("got %+v, want a temporary error", waiting)
	}
	repeated := proposeText(h, "d", "1", PublishOptions{IdempotencyKey: "k"})
	fake.Settle()
	if list, at := texts(h, "d"); repeated.at != at || at.Offset != 1 || len(list) != 1 {
		t.Errorf("got %+v and %v at %v, want one publication", repeated, list, at)
	}
}

// On a busy machine the heartbeat leaves out ticks. They count: the publishers must not wait several times as long.
func TestAnAppendHasATimeoutOnABusyMachine(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	h.ExpireRooms(90)
	fake.Stall(true)
	proposeText(h, "d", "1", PublishOptions{})
	for _, now := range []wheel.Tick{100, 103, 106, 109} {
		if h.ExpireRooms(now); h.Durable("").Due() {
			t.Fatalf("the append was given up early, at tick %d", now)
		}
	}
	if h.ExpireRooms(112); !h.Durable("").Due() {
		t.Error("the append is still waited for after 12 ticks")
	}
}

// ending is an engine whose logs have failed if err is not nil.
type ending struct {
	broker.Engine
	err *error
}

func (en ending) Open(ctx context.Context, shard int) (broker.Log, error) {
	l, err := en.Engine.Open(ctx, shard)
	return endingLog{l, en.err}, err
}

type endingLog struct {
	broker.Log
	err *error
}

func (el endingLog) Err() error { return *el.err }

// A log that fails while nobody publishes is open again before the next publication.
func TestALogThatFailsInSilenceRejectsNothing(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newTestHub(t, durableRooms("d*"))
	var failed error
	h.UseLog(home.Config{Engine: ending{fake.Start("a"), &failed}, MaxBytes: 1 << 20}, nil)
	var err error
	fake.StepUntil(func() { err = h.Durable("").Open(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	if h.Durable("").Tick(1); h.Durable("").Due() {
		t.Fatal("a log that works is opened again")
	}
	failed = broker.ErrUnavailable
	if h.Durable("").Tick(1); !h.Durable("").Due() {
		t.Fatal("the failure is not noticed")
	}
	failed = nil
	fake.StepUntil(func() { h.Durable("").Maintain(t.Context()) })
	if state, err := h.Durable("").Status(); state != home.Ready {
		t.Errorf("got %v, %v; want ready", state, err)
	}
	publishDurably(t, fake, h, "d", "1")
}

// The repetition of a publication that is not on disk is acknowledged when that is.
func TestARepetitionWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	first := proposeText(h, "d", "1", PublishOptions{IdempotencyKey: "k"})
	again := proposeText(h, "d", "1", PublishOptions{IdempotencyKey: "k"})
	if again.calls != 0 {
		t.Errorf("got %+v before the commit, want no acknowledgement", again)
	}
	fake.Settle()
	if again.calls != 1 || again.at != first.at || again.e != nil {
		t.Errorf("got %+v and %+v, want the same position", first, again)
	}
}

// A shutdown waits for what was accepted, and rejects what comes later.
func TestCloseWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := brokertest.New(brokertest.Options{Seed: 1})
		h := newDurableHub(t, fake, durableRooms("d*"))
		accepted := proposeText(h, "d", "1", PublishOptions{})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := h.Durable("").Close(gone); err == nil {
			t.Error("got no error, and a publication is not on disk")
		}
		if late := proposeText(h, "d", "2", PublishOptions{}); late.e != RejectUnavailable {
			t.Errorf("got %+v, want a rejection", late)
		}
		closed := make(chan error, 1)
		go func() { closed <- h.Durable("").Close(t.Context()) }()
		synctest.Wait()
		if len(closed) > 0 {
			t.Error("Close returned before the disk had the publication")
		}
		fake.Settle()
		if err := <-closed; err != nil || accepted.calls != 1 || accepted.e != nil {
			t.Errorf("got %v and %+v, want a commit", err, accepted)
		}
	})
}

// Publications of many rooms share a record, and at most two appends are open.
func TestOneRecordGathersWhatWaits(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	var all []*outcome
	for n := range 100 {
		all = append(all, proposeText(h, fmt.Sprint("d", n%7), fmt.Sprint(n), PublishOptions{}))
	}
	fake.Settle()
	for n, oc := range all {
		if oc.calls != 1 || oc.e != nil || oc.at.Offset != uint64(n/7+1) {
			t.Errorf("%d: got %+v, want offset %d", n, oc, n/7+1)
		}
	}
	if _, records := fake.Records(0); len(records) != 4 {
		t.Errorf("got %d records, want 4: a fence, two of one publication, and one of the others", len(records))
	}
}

// Publications that do not fit into one record go into several.
func TestLargePublicationsFillSeveralRecords(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	large := `"` + strings.Repeat("x", MaxDurableMessage-2) + `"`
	var all []*outcome
	for range 8 {
		all = append(all, proposeText(h, "d", large, PublishOptions{}))
	}
	fake.Settle()
	for n, oc := range all {
		if oc.calls != 1 || oc.e != nil || oc.at.Offset != uint64(n+1) {
			t.Errorf("got %+v, want offset %d", oc, n+1)
		}
	}
	again := newDurableHub(t, fake, durableRooms("d*"))
	if list, _ := texts(again, "d"); len(list) == 0 || list[0] != large {
		t.Errorf("got %d publications after a restart", len(list))
	}
}

// The rooms of a hub with several logs are spread over them. A restart finds each room in its log, with its values. Each log bounds and carries what it has.
func TestRoomsAreSpreadOverTheLogs(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	const logs = 3
	start := func() *Hub {
		h := newTestHub(t, durableRooms("d*"))
		engine := fake.Start("a")
		for shard := range logs {
			h.UseLog(home.Config{Engine: engine, Shard: shard, MaxBytes: 64 << 10}, nil)
		}
		for _, log := range h.Logs() {
			var err error
			if fake.StepUntil(func() { err = log.Open(t.Context()) }); err != nil {
				t.Fatal(err)
			}
		}
		return h
	}
	h := start()
	used, epochs := map[int]int{}, map[string]bool{}
	for i := range 12 {
		room := fmt.Sprint("d", i)
		used[h.Durable(room).Shard()]++
		proposeText(h, room, room, PublishOptions{})
		setValue(h, room, "key", room)
		setValue(h, "", "key of "+room, room)
	}
	fake.Settle()
	again := start()
	for i := range 12 {
		room := fmt.Sprint("d", i)
		list, at := texts(again, room)
		_, before := texts(h, room)
		epochs[at.Epoch] = true
		if !slices.Equal(list, []string{room}) || at != before || string(again.Value(room, "key")) != room || string(again.Value("", "key of "+room)) != room {
			t.Errorf("%s: got %v at %v with the value %q, want its publication at %v", room, list, at, again.Value(room, "key"), before)
		}
	}
	if len(used) != logs || len(epochs) != logs {
		t.Errorf("the rooms are in the logs %v and have %d epochs, want %d of each", used, len(epochs), logs)
	}
	if got := again.ValueBytes(); got != h.ValueBytes() || got == 0 || again.Durable("").values.bytes.Load() == got {
		t.Errorf("got %d bytes of values after a restart, %d before, %d of them in log 0", got, h.ValueBytes(), again.Durable("").values.bytes.Load())
	}

	// One log is trimmed: what it has is carried forward, and the others stay as they are.
	busy := again.Durable("d0")
	var last [logs]uint64
	for _, log := range again.Logs() {
		_, last[log.Shard()], _ = log.Position()
	}
	for n := 0; testutil.ToFloat64(again.Metrics.Durable.Trims) < 2; n++ {
		proposeText(again, "d0", strings.Repeat("x", 500), PublishOptions{})
		fake.Settle()
		for busy.Due() {
			fake.StepUntil(func() { busy.Maintain(t.Context()) })
		}
		if n > 10_000 {
			t.Fatal("the log is never trimmed")
		}
	}
	for _, log := range again.Logs() {
		if _, now, _ := log.Position(); log != busy && now != last[log.Shard()] {
			t.Errorf("log %d has got records %d to %d", log.Shard(), last[log.Shard()]+1, now)
		}
	}
	_, records := fake.Records(busy.Shard())
	for _, b := range records {
		_, entries, err := record.Open(b)
		for more := err == nil; more && err == nil; {
			var e record.Entry
			if more, err = entries.Next(&e); more && again.Durable(e.Room) != busy {
				t.Fatalf("the log of d0 has an entry of %q after its trim", e.Room)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	third := start()
	for i := 1; i < 12; i++ {
		if room := fmt.Sprint("d", i); string(third.Value(room, "key")) != room || string(third.Value("", "key of "+room)) != room {
			t.Errorf("%s: got the value %q after trims of another log", room, third.Value(room, "key"))
		}
	}
}
