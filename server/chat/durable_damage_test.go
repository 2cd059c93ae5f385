package chat

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/home"
)

// A damaged record gives the rooms a new epoch, and a later start must give the same positions: also when the publications have expired since
// and the log has only what is left of the rooms.
func TestThePositionAfterADamagedRecordStays(t *testing.T) {
	t.Parallel()
	for _, publications := range []int{3, 13} { // of a history of ten
		fake := brokertest.New(brokertest.Options{Seed: 1})
		h := newDurableHub(t, fake, durableRooms("d*"))
		for i := range publications {
			proposeText(h, "d", strconv.Itoa(i), PublishOptions{})
			fake.Settle()
		}
		_, before := texts(h, "d")

		log, err := fake.Start("b").Open(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		_, last, err := log.Extent(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		log.Append(last, []byte("not a record"), func(e error) { err = e })
		if fake.Settle(); err != nil {
			t.Fatal(err)
		}

		repaired := newDurableHub(t, fake, durableRooms("d*"))
		list, want := texts(repaired, "d")
		if want.Epoch == before.Epoch || want.Offset != before.Offset || len(list) != min(publications, 10) {
			t.Errorf("%d publications, after a damaged record: got %v at %v, was at %v", publications, list, want, before)
		}
		expired := durableRooms("d*")
		expired.HistoryTTL = time.Nanosecond
		for _, start := range []string{"first", "second"} {
			if list, at := texts(newDurableHub(t, fake, expired), "d"); len(list) != 0 || at != want {
				t.Errorf("%d publications, %s start after their expiry: got %v at %v, want the position %v", publications, start, list, at, want)
			}
		}
	}
}

// A start on a full disk fails if publications are lost: their rooms need a new epoch in the log before a client may recover. A later attempt still
// knows of the loss.
func TestAStartOnAFullDiskFailsIfRoomsNeedRepairs(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	before := publishDurably(t, fake, newDurableHub(t, fake, durableRooms("d*")), "d", "lost")
	fake.Damage(0, 2)
	h := newTestHub(t, durableRooms("d*"))
	h.UseLog(home.Config{Engine: fake.Start("a"), MaxBytes: 1 << 20}, nil)
	start := func() (err error) {
		fake.StepUntil(func() { err = h.Durable("").Start(t.Context()) })
		return err
	}
	fake.Full(true)
	for range 2 {
		if err := start(); !errors.Is(err, broker.ErrFull) {
			t.Fatalf("got %v, want the error of the full disk", err)
		}
	}
	fake.Full(false)
	if err := start(); err != nil {
		t.Fatal(err)
	}
	if after := publishDurably(t, fake, h, "d", "next"); after.Epoch == before.Epoch {
		t.Errorf("got the position %v after the loss, want another epoch than that of %v", after, before)
	}
}
