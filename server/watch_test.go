package server

import (
	"errors"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// watched subscribes to activities, and returns them as texts.
func watched(t *testing.T, s *Server, o WatchOptions) (*Subscription, chan string) {
	t.Helper()
	got := make(chan string, 100)
	names := map[any]string{Connected: "connected", Disconnected: "disconnected", Joined: "joined", Left: "left"}
	sub, err := s.Watch(t.Context(), o, func(a Activity) error {
		if a.Connection == 0 || a.Time.IsZero() || (a.Client != "") != (a.User != "") {
			t.Errorf("got %+v", a)
		}
		got <- fmt.Sprint(names[a.Kind], " ", a.User, " ", a.Room, a.Reason)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sub, got
}

// The program learns of connections and memberships, each client in its order.
func TestTheProgramWatchesClients(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Token.HMACSecret = testSecret; c.Guests, c.OtherRooms = "on", "open" })
	_, got := watched(t, s, WatchOptions{})
	_, rooms := watched(t, s, WatchOptions{Kinds: Joined | Left})
	ann := connectSDK(t, s, tokenOf("ann"))
	ann.sendLine(`{"id":2,"subscribe":{"channel":"tea"}}`)
	ann.line()
	ann.sendLine(`{"id":3,"unsubscribe":{"channel":"tea"}}`)
	ann.line()
	ann.sendLine(`{"id":4,"subscribe":{"channel":"milk"}}`)
	ann.line()
	ann.conn.Close()
	expect(t, got, "connected ann ", "joined ann tea", "left ann tea", "joined ann milk", "left ann milk", "disconnected ann gone")
	expect(t, rooms, "joined ann tea", "left ann tea", "joined ann milk", "left ann milk")

	plain := dial(t, s, "tea")
	expect(t, got, "connected  ", "joined  tea")
	plain.conn.Close()
	expect(t, got, "left  tea", "disconnected  gone")
	expect(t, rooms, "joined  tea", "left  tea")
}

// A function that is too slow learns how many activities it has lost; without a function for that, the subscription ends.
func TestASlowWatcherLearnsWhatItLost(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	next, lost := make(chan struct{}), make(chan uint64, 10)
	called := make(chan struct{}, 100)
	o := WatchOptions{Kinds: Joined, QueueBytes: 1}
	ended, _ := watched(t, s, WatchOptions{Kinds: Left})
	silent, err := s.Watch(t.Context(), o, func(Activity) error { called <- struct{}{}; <-next; return nil })
	if err != nil {
		t.Fatal(err)
	}
	o.OnLost = func(n uint64) { lost <- n }
	if _, err := s.Watch(t.Context(), o, func(Activity) error { called <- struct{}{}; <-next; return nil }); err != nil {
		t.Fatal(err)
	}
	dial(t, s, "tea")
	<-called
	<-called // both functions block
	for range 4 {
		dial(t, s, "tea")
	}
	eventually(t, "the joins", func() bool { return s.sessions.RoomHere("tea").Members == 5 })
	close(next)
	expect(t, lost, 3)
	ends(t, silent, nil)
	var is *LostError
	if !errors.As(silent.Err(), &is) || is.Lost != 3 {
		t.Errorf("got %v, want 3 lost activities", silent.Err())
	}
	if n := testutil.ToFloat64(s.metrics.EmbeddedLost); n != 6 {
		t.Errorf("throng_embedded_lost_total is %v, want 6", n)
	}
	ended.Close()
	ends(t, ended, ErrClosed)
	eventually(t, "one watcher", s.sessions.Watchers.On)
}
