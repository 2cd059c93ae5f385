package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/ws"
)

// receivedAll subscribes to a pattern, and returns the subscription and its publications as texts.
func receivedAll(t *testing.T, s *Server, pattern string) (*Subscription, chan string) {
	t.Helper()
	got := make(chan string, 1000)
	sub, err := s.SubscribePattern(t.Context(), pattern, PatternOptions{}, func(p Publication) error {
		got <- fmt.Sprintf("%s %d %s", p.Room, p.Position.Offset, p.Data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sub, got
}

// A pattern has all rooms that match it: with and without members, with and without a history, of each kind of publisher.
func TestAPatternHasAllItsRooms(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		chat := roomWithHistory("team:chat*")
		chat.Kind = "chat"
		c.Rooms, c.OtherRooms = append(c.Rooms, chat, roomWithHistory("team:*")), "open"
	})
	sub, got := receivedAll(t, s, "team:*")
	_, every := receivedAll(t, s, "*")
	_, one := receivedAll(t, s, "none")

	publish(t, s, "team:1", 1) // a room without members
	publish(t, s, "other", 2)  // with neither members nor history
	publish(t, s, "none", 3)
	publish(t, s, "team:2", 4)
	publish(t, s, "team:1", 5)
	publish(t, s, "team:chat", map[string]string{"id": "a", "text": "6"})
	if err := s.Call(t.Context(), "publish", map[string]any{"channel": "team:1", "data": 7, "skip_history": true}, nil); err != nil {
		t.Fatal(err)
	}
	expect(t, got, "team:1 1 1", "team:2 1 4", "team:1 2 5", `team:chat 1 {"id":"a","text":"6"}`, "team:1 0 7")
	expect(t, every, "team:1 1 1", "other 0 2", "none 0 3", "team:2 1 4", "team:1 2 5", `team:chat 1 {"id":"a","text":"6"}`, "team:1 0 7")
	expect(t, one, "none 0 3")

	plain := dial(t, s, "none") // a room with plain members only has a path of its own
	plain.send(ws.OpText, "plain")
	expect(t, every, "none 0 plain")
	expect(t, one, "none 0 plain")
	if at := sub.Position(); at != (Position{}) {
		t.Errorf("got the position %v of a pattern", at)
	}
	sub.Close()
	ends(t, sub, ErrClosed)
	publish(t, s, "team:1", 8)
	expect(t, every, "team:1 3 8")
	if len(got) > 0 {
		t.Errorf("got %s after the end", <-got)
	}
	if n := s.sessions.Rooms.Count(); n != 4 {
		t.Errorf("got %d rooms, want the three with a history and the one with a member", n)
	}
}

// A slow function loses what finds its queue full, learns the number at its place, and goes on. Without a function for gaps, the subscription ends.
func TestASlowPatternLearnsOfAGap(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Rooms = append(c.Rooms, roomWithHistory("h:*")) })
	next, called, got := make(chan struct{}), make(chan struct{}, 100), make(chan string, 100)
	o := PatternOptions{QueueBytes: 2000}
	wait := func(p Publication) error { called <- struct{}{}; <-next; got <- string(p.Data); return nil }
	silent, err := s.SubscribePattern(t.Context(), "h:*", o, func(Publication) error { called <- struct{}{}; <-next; return nil })
	if err != nil {
		t.Fatal(err)
	}
	var lost Gap
	o.OnGap = func(g Gap) { lost = g; got <- "gap" }
	if _, err := s.SubscribePattern(t.Context(), "h:*", o, wait); err != nil {
		t.Fatal(err)
	}
	publish(t, s, "h:0", 0)
	<-called
	<-called // both functions block
	const n = 50
	for i := 1; i < n; i++ {
		publish(t, s, fmt.Sprint("h:", i%3), i)
	}
	close(next)
	had := 0
	for text := <-got; text != "gap"; text = <-got {
		if text != fmt.Sprint(had) {
			t.Fatalf("got %s, want %d", text, had)
		}
		had++
	}
	if had+int(lost.Lost) != n || had > 10 || lost.Room != "h:*" || lost.Unknown || lost.Next != (Position{}) {
		t.Errorf("got %d publications and %+v, want %d together, and about 5 in the queue", had, lost, n)
	}
	var gap *GapError
	if ends(t, silent, nil); !errors.As(silent.Err(), &gap) || gap.Gap != lost {
		t.Errorf("got %v, want the gap %+v", silent.Err(), lost)
	}
	publish(t, s, "h:1", "live")
	expect(t, got, `"live"`)
	if m := testutil.ToFloat64(s.metrics.EmbeddedLost); m != float64(2*lost.Lost) {
		t.Errorf("throng_embedded_lost_total is %v, want %d", m, 2*lost.Lost)
	}
}

// A pattern on one node of a cluster has the rooms of all nodes, also those without a member or a history there.
func TestAPatternHasTheRoomsOfACluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, newFake(t), durableRoom("d*"), memoryRoom("m*"))
	var all []chan string
	for _, n := range nodes {
		_, got := receivedAll(t, n.Server, "*")
		all = append(all, got)
	}
	var want []string
	for i, n := range nodes {
		for _, room := range []string{"d1", "m1", "none"} {
			publish(t, n.Server, room, i)
			offset := i + 1
			if room == "none" {
				offset = 0
			}
			want = append(want, fmt.Sprintf("%s %d %d", room, offset, i))
		}
	}
	for i, got := range all { // the order is that of each room
		var texts []string
		for range want {
			texts = append(texts, <-got)
		}
		for _, room := range []string{"d1 ", "m1 ", "none "} {
			others := func(text string) bool { return !strings.HasPrefix(text, room) }
			if have, want := slices.DeleteFunc(slices.Clone(texts), others), slices.DeleteFunc(slices.Clone(want), others); !slices.Equal(have, want) {
				t.Errorf("node %d: got %q, want %q", i, have, want)
			}
		}
	}
}

func TestAnInvalidPatternIsRejected(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for _, pattern := range []string{"", "a*b", "**", "*:a", "\n*", strings.Repeat("x", 300) + "*"} {
		_, err := s.SubscribePattern(t.Context(), pattern, PatternOptions{}, nil)
		var e *CallError
		if !errors.As(err, &e) || e.Code != 107 {
			t.Errorf("%q: got %v, want error 107", pattern, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	sub, err := s.SubscribePattern(ctx, "a*", PatternOptions{}, func(Publication) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	ends(t, sub, context.Canceled)
	eventually(t, "no feed", func() bool { return !s.sessions.RoomFeeds.On() })
}
