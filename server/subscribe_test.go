package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/ws"
)

// received subscribes to a room, and returns the subscription and its publications and gaps as texts.
func received(t *testing.T, s *Server, room string, o SubscribeOptions) (*Subscription, chan string) {
	t.Helper()
	got := make(chan string, 10_000)
	if o.OnGap == nil {
		o.OnGap = func(g Gap) { got <- fmt.Sprintf("gap %d %v before %d", g.Lost, g.Unknown, g.Next.Offset+1) }
	}
	sub, err := s.Subscribe(t.Context(), room, o, func(p Publication) error {
		got <- fmt.Sprintf("%d %s", p.Position.Offset, p.Data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sub, got
}

// expect compares what is received next.
func expect[T any](t *testing.T, got <-chan T, want ...T) {
	t.Helper()
	for _, w := range want {
		select {
		case g := <-got:
			if fmt.Sprint(g) != fmt.Sprint(w) {
				t.Fatalf("got %v, want %v", g, w)
			}
		case <-time.After(testTimeout):
			t.Fatalf("got nothing, want %v", w)
		}
	}
}

// blocked is a subscription whose function waits for each token of next.
func blocked(t *testing.T, s *Server, room string, o SubscribeOptions) (sub *Subscription, next chan struct{}, got chan string) {
	t.Helper()
	next, got = make(chan struct{}, 10_000), make(chan string, 10_000)
	if o.OnGap != nil {
		o.OnGap = func(g Gap) { got <- fmt.Sprintf("gap %d %v", g.Lost, g.Unknown) }
	}
	sub, err := s.Subscribe(t.Context(), room, o, func(p Publication) error {
		got <- string(p.Data)
		<-next
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(next) })
	return sub, next, got
}

func publish(t *testing.T, s *Server, room string, data any) {
	t.Helper()
	if err := s.Publish(t.Context(), room, data); err != nil {
		t.Fatal(err)
	}
}

// ends waits for the end of a subscription and compares its error, unless want is nil.
func ends(t *testing.T, sub *Subscription, want error) {
	t.Helper()
	select {
	case <-sub.Done():
	case <-time.After(testTimeout):
		t.Fatalf("the subscription did not end; its error is %v", sub.Err())
	}
	if want != nil && !errors.Is(sub.Err(), want) {
		t.Errorf("got %v, want %v", sub.Err(), want)
	}
}

// The program receives what members receive, from all publishers, in order, with its type and publisher.
func TestTheProgramReceivesTheRoom(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		c.Rooms, c.OtherRooms, c.API.Key = append(c.Rooms, roomWithHistory("kept")), "open", strings.Repeat("k", minSecret)
	})
	for _, room := range []string{"kept", "none"} {
		got := make(chan Publication, 10)
		sub, err := s.Subscribe(t.Context(), room, SubscribeOptions{}, func(p Publication) error { got <- p; return nil })
		if err != nil {
			t.Fatal(err)
		}
		plain, ann := dial(t, s, room), connectSDK(t, s, "")
		ann.enter(room)
		publish(t, s, room, map[string]int{"n": 1})
		plain.send(ws.OpText, "two")
		plain.next()
		plain.next()
		plain.send(ws.OpBinary, "\x03")
		plain.next()
		ann.sendLine(`{"id":3,"publish":{"channel":%q,"data":{"n":4}}}`, room)
		for i, want := range []Publication{{Type: JSON, Data: []byte(`{"n":1}`)}, {Type: Text, Data: []byte("two")}, {Type: Binary, Data: []byte("\x03")}, {Type: JSON, Data: []byte(`{"n":4}`)}} {
			p := <-got
			if p.Room != room || p.Type != want.Type || string(p.Data) != string(want.Data) {
				t.Errorf("%s: got %v %q, want %v %q", room, p.Type, p.Data, want.Type, want.Data)
			}
			if hasClient := p.Client != ""; hasClient != (i == 3) {
				t.Errorf("%s: got the client %q of publication %d", room, p.Client, i)
			}
			if kept := room == "kept"; kept != (p.Position.Offset == uint64(i+1)) || kept != (p.Position.Epoch != "") || kept == p.Time.IsZero() {
				t.Errorf("%s: got %v at %v for publication %d", room, p.Position, p.Time, i)
			}
		}
		sub.Close()
		ends(t, sub, ErrClosed)
	}
	if got := call(t, s, "presence_stats", `{"channel":"none"}`); !strings.Contains(got, `"num_clients":2`) {
		t.Errorf("got %s, want the clients only", got)
	}
}

// A room lasts as long as a subscription to it, also without members.
func TestARoomLastsAsLongAsItsSubscription(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	sub, got := received(t, s, "none", SubscribeOptions{})
	member := dial(t, s, "none")
	member.send(ws.OpText, "one")
	expect(t, got, "0 one")
	member.conn.Close()
	eventually(t, "the member to leave", func() bool { return s.sessions.RoomHere("none").Members == 0 })
	publish(t, s, "none", 2)
	expect(t, got, "0 2")
	sub.Close()
	ends(t, sub, ErrClosed)
	if n := s.sessions.Rooms.Count(); n != 0 {
		t.Errorf("got %d rooms after the end, want none", n)
	}
}

// A function that blocks stops nobody. It then receives from the history what its queue had no place for, once and in order.
func TestASlowProgramContinuesInTheHistory(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Rooms = append(c.Rooms, roomWithHistory("kept")) })
	sub, next, got := blocked(t, s, "kept", SubscribeOptions{QueueBytes: 2000})
	const n = 90
	for i := range n {
		publish(t, s, "kept", i)
	}
	for i := range n {
		expect(t, got, fmt.Sprint(i))
		next <- struct{}{}
	}
	publish(t, s, "kept", n)
	expect(t, got, fmt.Sprint(n))
	if err := sub.Err(); err != nil {
		t.Error(err)
	}
}

// Without a history, the function learns how many publications it did not receive, at their place.
func TestASlowProgramLearnsOfAGap(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	_, next, got := blocked(t, s, "none", SubscribeOptions{QueueBytes: 2000, OnGap: func(Gap) {}})
	const n = 50
	all := []string{}
	for i := range n {
		publish(t, s, "none", i)
		all = append(all, fmt.Sprint(i))
		if i == 0 {
			expect(t, got, "0") // the function blocks
		}
	}
	next <- struct{}{}
	had, lost := 1, 0
	for lost == 0 {
		switch text := <-got; {
		case strings.HasPrefix(text, "gap "):
			if _, err := fmt.Sscanf(text, "gap %d false", &lost); err != nil {
				t.Fatal(text)
			}
		case text != all[had]:
			t.Fatalf("got %s, want %s", text, all[had])
		default:
			had++
			next <- struct{}{}
		}
	}
	if had+lost != n || had > 10 {
		t.Errorf("got %d publications and a gap of %d, want %d together, and about 5 in the queue", had, lost, n)
	}
	publish(t, s, "none", "live")
	expect(t, got, `"live"`)
	if m := testutil.ToFloat64(s.metrics.EmbeddedLost); m != float64(lost) {
		t.Errorf("throng_embedded_lost_total is %v, want %d", m, lost)
	}
}

// A gap ends a subscription that has no function for gaps: nothing is lost silently.
func TestAGapEndsASubscriptionWithoutAFunctionForGaps(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	sub, next, got := blocked(t, s, "none", SubscribeOptions{QueueBytes: 1})
	publish(t, s, "none", 0)
	expect(t, got, "0")
	for i := range 3 {
		publish(t, s, "none", i)
	}
	next <- struct{}{}
	next <- struct{}{}
	var gap *GapError
	if ends(t, sub, nil); !errors.As(sub.Err(), &gap) || gap.Lost != 2 || gap.Room != "none" {
		t.Errorf("got %v, want a gap of 2", sub.Err())
	}
}

// A subscription with a position continues behind it, and learns what the history does not have.
func TestASubscriptionContinuesBehindItsPosition(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		o := roomWithHistory("kept")
		o.HistorySize = 3
		c.Rooms = append(c.Rooms, o)
	})
	first, got := received(t, s, "kept", SubscribeOptions{})
	publish(t, s, "kept", 1)
	publish(t, s, "kept", 2)
	expect(t, got, "1 1", "2 2")
	eventually(t, "the position", func() bool { return first.Position().Offset == 2 })
	first.Close()
	at := first.Position()
	for i := range 3 {
		publish(t, s, "kept", i+3)
	}
	_, got = received(t, s, "kept", SubscribeOptions{Since: &at})
	expect(t, got, "3 3", "4 4", "5 5")
	publish(t, s, "kept", 6)
	expect(t, got, "6 6")

	_, got = received(t, s, "kept", SubscribeOptions{Since: &at})
	expect(t, got, "gap 1 false before 4", "4 4", "5 5", "6 6")
	_, got = received(t, s, "kept", SubscribeOptions{Since: &Position{}})
	expect(t, got, "gap 3 false before 4", "4 4")
	at.Epoch = "other" // its offsets mean other publications: all of the history follow
	_, got = received(t, s, "kept", SubscribeOptions{Since: &at})
	expect(t, got, "gap 0 true before 4", "4 4", "5 5", "6 6")
	publish(t, s, "kept", 7)
	expect(t, got, "7 7")
	at = Position{Offset: 100, Epoch: first.Position().Epoch}
	_, got = received(t, s, "kept", SubscribeOptions{Since: &at})
	publish(t, s, "kept", 8)
	expect(t, got, "gap 0 true before 8", "8 8")
}

// What ends a subscription is its error. The room ends with its last subscription.
func TestWhatEndsASubscriptionIsItsError(t *testing.T) {
	t.Parallel()
	var s *Server
	early := make(chan error, 2)
	s = startPrepared(t, nil, func(s *Server) {
		_, err := s.Subscribe(t.Context(), "none", SubscribeOptions{}, func(Publication) error { return nil })
		early <- err
		s.Ready = func() {
			_, err := s.Subscribe(t.Context(), "ready", SubscribeOptions{}, func(Publication) error { return nil })
			early <- err
		}
	})
	if err := <-early; !errors.Is(err, ErrNotRunning) {
		t.Errorf("before Run: got %v, want %v", err, ErrNotRunning)
	}
	if err := <-early; err != nil {
		t.Errorf("in Ready: %v", err)
	}
	if _, err := s.Subscribe(t.Context(), "", SubscribeOptions{}, nil); err == nil {
		t.Error("got a subscription to a room without a name")
	}

	ctx, cancel := context.WithCancel(t.Context())
	failed := errors.New("enough")
	subscribe := func(ctx context.Context, room string, do func(Publication) error) *Subscription {
		sub, err := s.Subscribe(ctx, room, SubscribeOptions{}, do)
		if err != nil {
			t.Fatal(err)
		}
		return sub
	}
	ofContext := subscribe(ctx, "context", func(Publication) error { return nil })
	ofError := subscribe(t.Context(), "error", func(Publication) error { return failed })
	ofPanic := subscribe(t.Context(), "panic", func(Publication) error { panic("oops") })
	ofType := subscribe(t.Context(), "typed", Typed(func(Publication, struct{ N int }) error { return nil }))
	for _, room := range []string{"error", "panic", "typed"} {
		publish(t, s, room, map[string]int{"n": 1})
	}
	publish(t, s, "typed", "no number")
	cancel()
	ends(t, ofContext, context.Canceled)
	ends(t, ofError, failed)
	if ends(t, ofPanic, nil); !strings.Contains(ofPanic.Err().Error(), "oops") {
		t.Errorf("got %v", ofPanic.Err())
	}
	var typeError *json.UnmarshalTypeError
	if ends(t, ofType, nil); !errors.As(ofType.Err(), &typeError) {
		t.Errorf("got %v", ofType.Err())
	}
	if n := s.sessions.Rooms.Count(); n != 1 {
		t.Errorf("got %d rooms, want the one of Ready", n)
	}
}

// A server that stops ends the subscriptions after they have received everything.
func TestAServerThatStopsEndsItsSubscriptions(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Drain = time.Minute })
	sub, next, got := blocked(t, s, "none", SubscribeOptions{})
	for i := range 3 {
		publish(t, s, "none", i)
	}
	expect(t, got, "0")
	s.Drain(audit.Actor{})
	eventually(t, "the stop of the subscriptions", func() bool {
		late, err := s.Subscribe(t.Context(), "none", SubscribeOptions{}, func(Publication) error { return nil })
		if err == nil {
			late.Close()
		}
		return errors.Is(err, ErrNotRunning)
	})
	for range 3 {
		next <- struct{}{}
	}
	expect(t, got, "1", "2")
	ends(t, sub, ErrNotRunning)
}

// A subscription on any node receives the publications of all nodes, in rooms of each kind.
func TestTheProgramReceivesTheRoomsOfACluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, newFake(t), durableRoom("d*"), memoryRoom("m*"))
	for _, room := range []string{"d1", "m1", "none"} {
		var all []chan string
		for _, n := range nodes {
			_, got := received(t, n.Server, room, SubscribeOptions{})
			all = append(all, got)
		}
		for i, n := range nodes {
			publish(t, n.Server, room, i)
			want := fmt.Sprintf("%d %d", i+1, i)
			if room == "none" {
				want = fmt.Sprintf("0 %d", i)
			}
			for _, got := range all {
				expect(t, got, want)
			}
		}
	}
	// A position of one node is valid on the others.
	sub, got := received(t, nodes[0].Server, "m1", SubscribeOptions{Since: &Position{}})
	expect(t, got, "1 0", "2 1", "3 2")
	eventually(t, "the position", func() bool { return sub.Position().Offset == 3 })
	at := sub.Position()
	publish(t, nodes[1].Server, "m1", 3)
	_, got = received(t, nodes[2].Server, "m1", SubscribeOptions{Since: &at})
	expect(t, got, "4 3")
}

// In a durable room, a position is valid after a restart.
func TestASubscriptionContinuesAfterARestart(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, node := startDurable(t, fake, durableRoom("d*"))
	sub, got := received(t, s, "d", SubscribeOptions{})
	publish(t, s, "d", 1)
	expect(t, got, "1 1")
	eventually(t, "the position", func() bool { return sub.Position().Offset == 1 })
	sub.Close()
	publish(t, s, "d", 2)
	at := sub.Position()
	fake.Kill(node)
	again, _ := startDurable(t, fake, durableRoom("d*"))
	publish(t, again, "d", 3)
	_, got = received(t, again, "d", SubscribeOptions{Since: &at})
	expect(t, got, "2 2", "3 3")
}

// Many publishers and subscriptions that come and go: each receives a part of the sequence without a hole.
func TestSubscriptionsReceiveNoHole(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Rooms = append(c.Rooms, roomWithHistory("kept")) })
	ctx, stop := context.WithCancel(t.Context())
	published := make(chan struct{})
	go func() {
		defer close(published)
		for ctx.Err() == nil {
			_ = s.Publish(t.Context(), "kept", "x")
		}
	}()
	for range 20 {
		var offsets []uint64
		enough := make(chan struct{})
		sub, err := s.Subscribe(ctx, "kept", SubscribeOptions{QueueBytes: 1000}, func(p Publication) error {
			if offsets = append(offsets, p.Position.Offset); len(offsets) == 20 {
				close(enough)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-enough:
		case <-sub.Done(): // too slow for the history
		case <-time.After(testTimeout):
			t.Fatal("got too few publications")
		}
		sub.Close()
		<-sub.Done()
		for i := range offsets[min(1, len(offsets)):] {
			if offsets[i+1] != offsets[i]+1 {
				t.Fatalf("got %v, want no hole", offsets)
			}
		}
		if !slices.IsSorted(offsets) {
			t.Errorf("got %v", offsets)
		}
	}
	stop()
	<-published
}
