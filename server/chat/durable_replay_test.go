package chat

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/record"
)

// tampered is an engine whose log lacks records, or has others in their place.
type tampered struct {
	broker.Engine
	replace map[uint64][]byte // nil: it is missing
}

func (te tampered) Open(ctx context.Context, shard int) (broker.Log, error) {
	l, err := te.Engine.Open(ctx, shard)
	return tamperedLog{l, te.replace}, err
}

type tamperedLog struct {
	broker.Log
	replace map[uint64][]byte
}

func (tl tamperedLog) Replay(ctx context.Context, after uint64, f func(uint64, []byte) error) (uint64, error) {
	return tl.Log.Replay(ctx, after, func(seq uint64, b []byte) error {
		other, is := tl.replace[seq]
		switch {
		case !is:
			return f(seq, b)
		case other == nil:
			return nil
		}
		return f(seq, other)
	})
}

// restartWith returns a hub on the records of a Fake, some of which are replaced.
func restartWith(t *testing.T, fake *brokertest.Fake, replace map[uint64][]byte, rooms ...RoomOptions) *Hub {
	t.Helper()
	h := newTestHub(t, rooms...)
	h.UseLog(home.Config{Engine: tampered{fake.Start("a"), replace}, MaxBytes: 1 << 20}, nil)
	var err error
	fake.StepUntil(func() { err = h.Durable("").Open(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// publishDurably publishes and waits for the commit.
func publishDurably(t *testing.T, fake *brokertest.Fake, h *Hub, room, data string) StreamPosition {
	t.Helper()
	oc := proposeText(h, room, data, PublishOptions{})
	fake.Settle()
	if oc.calls != 1 || oc.e != nil {
		t.Fatalf("%s in %s: got %+v, want a commit", data, room, oc)
	}
	return oc.at
}

// Damaged and missing records are skipped. All rooms get a new epoch, once, because each may have lost a publication.
func TestADamagedRecordGivesNewEpochs(t *testing.T) {
	t.Parallel()
	for name, other := range map[string][]byte{"damaged": []byte("\x01not a record"), "missing": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := brokertest.New(brokertest.Options{Seed: 1})
			h := newDurableHub(t, fake, durableRooms("d*"))
			publishDurably(t, fake, h, "d1", "1")                 // record 2
			publishDurably(t, fake, h, "d2", "1")                 // record 3
			publishDurably(t, fake, h, "d2", "2")                 // record 4
			publishDurably(t, fake, h, "d3", "1")                 // record 5
			before := publishDurably(t, fake, h, "d1", "2").Epoch // record 6
			replace := map[uint64][]byte{4: other}

			again := restartWith(t, fake, replace, durableRooms("d*"))
			if got := testutil.ToFloat64(again.Metrics.Durable.Damaged); got != 1 {
				t.Errorf("got %v damaged records, want 1", got)
			}
			epoch := ""
			for room, want := range map[string][]string{"d1": {"1", "2"}, "d2": {"1"}, "d3": {"1"}} {
				list, at := texts(again, room)
				if !slices.Equal(list, want) || at.Epoch == before || at.Epoch == "" || epoch != "" && at.Epoch != epoch {
					t.Errorf("%s: got %v at %v, want %v in a new epoch, not %s", room, list, at, want, before)
				}
				epoch = at.Epoch
			}
			if at := publishDurably(t, fake, again, "d2", "3"); at != (StreamPosition{2, epoch}) {
				t.Errorf("got position %v, want offset 2 of %s", at, epoch)
			}

			third := restartWith(t, fake, replace, durableRooms("d*"))
			for _, room := range []string{"d1", "d2", "d3"} {
				if _, at := texts(third, room); at.Epoch != epoch {
					t.Errorf("%s: got epoch %s after another start, want %s", room, at.Epoch, epoch)
				}
			}
		})
	}
}

// A room whose record is lost in the middle keeps the publications behind it only.
func TestAHistoryHasNoHole(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	for n := range 4 {
		publishDurably(t, fake, h, "d", fmt.Sprint(n)) // records 2 to 5
	}
	again := restartWith(t, fake, map[uint64][]byte{3: nil}, durableRooms("d*"))
	if list, at := texts(again, "d"); !slices.Equal(list, []string{"2", "3"}) || at.Offset != 4 {
		t.Errorf("got %v at %v, want the last two publications", list, at)
	}
}

// A record of an owner before the last fence does not count, nor one that expects another record before it. Its room gets a new epoch.
func TestARecordOutOfOrderIsNotApplied(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]record.Header{"term": {Term: 1, Expected: 5}, "expected": {Term: 3, Expected: 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := brokertest.New(brokertest.Options{Seed: 1})
			h := newDurableHub(t, fake, durableRooms("d*"))
			publishDurably(t, fake, h, "d", "1")                       // record 2
			before := publishDurably(t, fake, h, "d:other", "1").Epoch // record 3
			newDurableHub(t, fake, durableRooms("d*"))                 // record 4: a fence
			second := newDurableHub(t, fake, durableRooms("d*"))       // record 5: a fence
			publishDurably(t, fake, second, "d", "2")                  // record 6

			var w record.Writer
			stray := record.Entry{Kind: record.Publish, Room: "d", Generation: h.Durable("").positions.current(), Offset: 2, UnixMilli: time.Now().UnixMilli(), Data: []byte("stray")}
			if err := w.Add(&stray); err != nil {
				t.Fatal(err)
			}
			again := restartWith(t, fake, map[uint64][]byte{6: w.Seal(head)}, durableRooms("d*"))
			list, at := texts(again, "d")
			if !slices.Equal(list, []string{"1"}) || at.Epoch == before {
				t.Errorf("got %v at %v, want one publication in a new epoch", list, at)
			}
			if _, at := texts(again, "d:other"); at.Epoch != before {
				t.Errorf("got epoch %s of a room without such a record, want %s", at.Epoch, before)
			}
		})
	}
}

// Publications that expired while the process was down are not restored. The position is.
func TestExpiredPublicationsAreNotRestored(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	publishDurably(t, fake, h, "d", "1")
	want := publishDurably(t, fake, h, "d", "2")
	short := durableRooms("d*")
	short.HistoryTTL = 1 // all are older
	again := newDurableHub(t, fake, short)
	if list, at := texts(again, "d"); len(list) != 0 || at != want {
		t.Errorf("got %v at %v, want none at %v", list, at, want)
	}
	if n := again.Rooms.Count(); n != 0 {
		t.Errorf("got %d rooms, want none", n)
	}
	if at := publishDurably(t, fake, again, "d", "3"); at != (StreamPosition{3, want.Epoch}) {
		t.Errorf("got position %v, want offset 3 of %s", at, want.Epoch)
	}
}

// A publication with a time in the future counts as one of now: the clock was set back, or that of another node is ahead.
func TestAClockThatWasSetBackEndsNoPublication(t *testing.T) {
	t.Parallel()
	o := durableRooms("d*")
	for _, ahead := range []time.Duration{2 * time.Second, time.Hour, 100 * 365 * 24 * time.Hour} {
		fake := brokertest.New(brokertest.Options{Seed: 1})
		h := newDurableHub(t, fake, o)
		publishDurably(t, fake, h, "d", "1") // record 2
		var w record.Writer
		if err := w.Add(&record.Entry{
			Kind: record.Publish, Form: uint8(FormJSON), Room: "d", Generation: h.Durable("").positions.current(), Offset: 1, UnixMilli: time.Now().Add(ahead).UnixMilli(), Data: []byte("1"),
		}); err != nil {
			t.Fatal(err)
		}
		again := restartWith(t, fake, map[uint64][]byte{2: w.Seal(record.Header{Term: 1, Expected: 1})}, o)
		ttl := fanout.InTicks(o.HistoryTTL)
		for ticks := range ttl {
			again.ExpireRooms(again.Clock.Tick())
			if list, _ := texts(again, "d"); !slices.Equal(list, []string{"1"}) {
				t.Fatalf("%v ahead: got %v after %d ticks, want the publication for %d", ahead, list, ticks, ttl)
			}
			again.Clock.Ticks.Add(1)
		}
		for range 3 {
			again.ExpireRooms(again.Clock.Tick())
			again.Clock.Ticks.Add(1)
		}
		if n := again.Rooms.Count(); n != 0 {
			t.Errorf("%v ahead: got %d rooms after the TTL, want none", ahead, n)
		}
	}
}

// Clients of a room that was in memory for a while cannot recover from a position before.
func TestARoomThatWasInMemoryBeginsANewEpoch(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	before := publishDurably(t, fake, h, "d", "1")
	newDurableHub(t, fake, roomWithHistory("d*"))
	newDurableHub(t, fake, roomWithHistory("d*")) // says it once
	again := newDurableHub(t, fake, durableRooms("d*"))
	list, at := texts(again, "d")
	if len(list) != 0 || at.Epoch == before.Epoch || at.Epoch == "" {
		t.Errorf("got %v at %v, want none in a new epoch", list, at)
	}
	_, third := texts(newDurableHub(t, fake, durableRooms("d*")), "d")
	if third != at {
		t.Errorf("got position %v after another start, want %v", third, at)
	}
}

// A room whose position was dropped gets an epoch that it did not have, before and after a restart.
func TestADroppedDurablePositionBeginsANewEpoch(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	h.Durable("").positions.stored.Max = 1
	first := publishDurably(t, fake, h, "d1", "1")
	publishDurably(t, fake, h, "d2", "1")
	h.Clock.Ticks.Add(uint32(10 * roomTicks))
	h.ExpireRooms(h.Clock.Tick()) // releases both
	h.ExpireRooms(h.Clock.Tick())
	if n := h.Rooms.Count(); n != 0 {
		t.Fatalf("got %d rooms, want none", n)
	}
	var epochs []string
	for _, room := range []string{"d1", "d2"} {
		_, at := texts(h, room)
		epochs = append(epochs, at.Epoch)
	}
	if (epochs[0] == first.Epoch) == (epochs[1] == first.Epoch) {
		t.Errorf("got epochs %v, want a new one in one of the rooms, not %s", epochs, first.Epoch)
	}
}

// roomTicks is the history TTL of the rooms of the tests.
const roomTicks = time.Minute / (500 * time.Millisecond)

// The positions, the versions and the keys of rooms survive the removal of old records.
func TestAPositionSurvivesTheRemovalOfItsRecord(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableRooms("d*"))
	quiet := publishDurably(t, fake, h, "d:quiet", "1")
	proposeText(h, "d:state", "state", PublishOptions{Version: Version{Number: 7, Epoch: "v"}})
	h.ProposeClear(h.RoomRef("d:quiet"), func(StreamPosition, *Rejection) {})
	fake.Settle()
	for n := 0; testutil.ToFloat64(h.Metrics.Durable.Trims) < 2; n++ {
		publishDurably(t, fake, h, "d:busy", fmt.Sprint(n))
		if n%5 == 0 {
			publishDurably(t, fake, h, "d:state", "more")
		}
		fake.StepUntil(func() {
			for h.Durable("").Due() {
				h.Durable("").Maintain(t.Context())
			}
		})
		if n > 20_000 {
			t.Fatal("no record was removed")
		}
	}
	first, _ := fake.Records(0)
	if first < 4 {
		t.Fatalf("the oldest record is %d, want the first ones to be removed", first)
	}
	again := newDurableHub(t, fake, durableRooms("d*"))
	if _, at := texts(again, "d:quiet"); at != quiet {
		t.Errorf("got position %v, want %v", at, quiet)
	}
	before, _ := texts(again, "d:state")
	oc := proposeText(again, "d:state", "older", PublishOptions{Version: Version{Number: 6, Epoch: "v"}})
	fake.Settle()
	if after, _ := texts(again, "d:state"); oc.e != nil || !slices.Equal(after, before) {
		t.Errorf("an older version was published: got %v after %v", after, before)
	}
	for _, room := range []string{"d:busy", "d:state"} {
		was, wasAt := texts(h, room)
		if is, at := texts(again, room); at != wasAt || !slices.Equal(is, was) {
			t.Errorf("%s: got %v at %v, want %v at %v", room, is, at, was, wasAt)
		}
	}
}
