package chat

import (
	"strconv"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker/brokertest"
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
