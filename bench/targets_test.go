package bench

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// startNodes returns the URLs of servers, one for each handler.
func startNodes(t *testing.T, handlers ...http.Handler) (urls []string) {
	for _, h := range handlers {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		urls = append(urls, "ws"+strings.TrimPrefix(srv.URL, "http")+"/ws")
	}
	return urls
}

func TestTheMembersOfARoomAreAtAllTargets(t *testing.T) {
	t.Parallel()
	room := newRoom(t, nil) // the nodes of a cluster share it
	cfg := testConfig("")
	cfg.URLs, cfg.Spread = startNodes(t, room, room, room), true
	r := mustRun(t, cfg)
	if !good(r) || len(r.Targets) != 3 {
		t.Fatalf("got %+v, %d targets, want a valid run at 3", r.Verdict, len(r.Targets))
	}
	var sent, got uint64
	for i, g := range r.Targets {
		sent += g.Sent
		if g.URL != cfg.URLs[i] || g.Members < 16 || g.Members > 17 || g.MembersAtEnd != g.Members || g.Publishers != g.Members {
			t.Errorf("target %d: got %+v, want a third of 50 members, all of which publish", i, g)
		}
		if want := uint64(g.Members) * g.Sent; g.Own.Count != want {
			t.Errorf("target %d: got %d deliveries of its own %d messages, want %d", i, g.Own.Count, g.Sent, want)
		}
		if want := uint64(g.Members) * (r.Sent.Messages - g.Sent); g.Others.Count != want {
			t.Errorf("target %d: got %d deliveries of the others, want %d", i, g.Others.Count, want)
		}
		got += g.Own.Count + g.Others.Count
	}
	if sent != r.Sent.Messages || got != r.Delivery.Got {
		t.Errorf("got %d messages and %d deliveries of the targets, want %d and %d", sent, got, r.Sent.Messages, r.Delivery.Got)
	}
}

// Servers that are not a cluster deliver only to their own members.
func TestNodesThatDoNotShareTheirRoomsAreFound(t *testing.T) {
	t.Parallel()
	cfg := testConfig("")
	cfg.URLs, cfg.Spread, cfg.Drain = startNodes(t, newRoom(t, nil), newRoom(t, nil)), true, 0
	r := mustRun(t, cfg)
	if r.Verdict.Code != result.Broken || uint64(r.Delivery.Lost) < r.Delivery.Expected/3 {
		t.Errorf("got %+v, %+v, want half of the deliveries lost", r.Verdict, r.Delivery.Faults)
	}
}

func TestTheTargetsAreChosenInTurn(t *testing.T) {
	t.Parallel()
	node := 1
	for _, tt := range []struct {
		name string
		plan agent.Plan
		want []uint8
	}{
		{"rooms at one target each", agent.Plan{RoomOf: []int32{0, 1, 2, 0}, Rooms: make([]string, 3)}, []uint8{0, 1, 0, 0}},
		{"one room", agent.Plan{Spread: true, RoomOf: []int32{0, 0, 0, 0}, Rooms: make([]string, 1)}, []uint8{0, 1, 0, 1}},
		{"two rooms", agent.Plan{Spread: true, RoomOf: []int32{0, 1, 1, 0, 0}, Rooms: make([]string, 2)}, []uint8{0, 1, 0, 1, 0}},
		{"no publisher at the node that ends", agent.Plan{Spread: true, Node: &node, Publishers: 3, RoomOf: []int32{0, 0, 0, 0, 0, 0}, Rooms: make([]string, 1)},
			[]uint8{0, 0, 0, 1, 0, 1}},
	} {
		tt.plan.Targets = make([]agent.Target, 2)
		got := tt.plan.TargetsOf()
		if string(got) != string(tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestTheEndOfANodeNeedsItsProcess(t *testing.T) {
	t.Parallel()
	room := newRoom(t, nil)
	cfg := testConfig("")
	cfg.URLs, cfg.Spread, cfg.Scenario, cfg.Publishers, cfg.Node = startNodes(t, room, room), true, Storm, 5, 1
	if _, err := Run(t.Context(), cfg, nil); err == nil || !strings.Contains(err.Error(), "process 1 listens at none of the targets") {
		t.Errorf("got %v, want that process 1 serves no target", err)
	}
	for _, wrong := range []func(*Config){
		func(c *Config) { c.Spread = false },
		func(c *Config) { c.Remote, c.Token = []string{"127.0.0.1:1"}, "a-token-of-16-characters" },
		func(c *Config) { c.Node = -1 },
		func(c *Config) { c.Publishers = c.Connections },
		func(c *Config) { c.URLs = c.URLs[:1] },
	} {
		c := cfg
		c.Node = os.Getpid()
		wrong(&c)
		if c.Validate() == nil {
			t.Errorf("%+v: got no error", c)
		}
	}
}
