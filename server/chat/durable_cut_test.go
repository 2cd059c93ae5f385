package chat

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/home"
)

// A replay that fails in the middle of the log goes on where it ended: no publication is lost, no record counts twice, and no room gets a new epoch.
func TestAReplayThatFailsGoesOn(t *testing.T) {
	t.Parallel()
	for after := range 9 {
		fake := brokertest.New(brokertest.Options{Seed: 1})
		rooms := []RoomOptions{durableChatRoom("c", 10), durableRooms("d")}
		before := newDurableHub(t, fake, rooms...)
		for n := range 4 {
			publishDurably(t, fake, before, "d", fmt.Sprint(n))
			propose(before, "c", "ann", fmt.Sprintf(`{"id":"m%d","text":"%d"}`, n, n))
			fake.Settle()
		}
		h := newTestHub(t, rooms...)
		left := after
		engine := brokertest.OnReplay(fake.Start("a"), func(seq uint64) error {
			if left--; left == -1 {
				return fmt.Errorf("read record %d: %w", seq, broker.ErrUnavailable)
			}
			return nil
		})
		h.UseLog(home.Config{Engine: engine, MaxBytes: 1 << 20}, nil)
		var err error
		fake.StepUntil(func() { err = h.Durable("").Open(t.Context()) })
		if !errors.Is(err, broker.ErrUnavailable) {
			t.Fatalf("got %v, want a failed replay", err)
		}
		fake.StepUntil(func() { err = h.Durable("").Open(t.Context()) })
		if err != nil {
			t.Fatal(err)
		}
		for _, room := range []string{"c", "d"} {
			list, at := texts(h, room)
			if want, wantAt := texts(before, room); !slices.Equal(list, want) || at != wantAt {
				t.Errorf("after %d records: got %v at %v, want %v at %v", after, list, at, want, wantAt)
			}
		}
		if got, want := messagesOf(h, "c"), messagesOf(before, "c"); !slices.Equal(got, want) {
			t.Errorf("after %d records: got the messages %v, want %v", after, got, want)
		}
	}
}
