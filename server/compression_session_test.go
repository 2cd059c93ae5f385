package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/testkit"
)

// keeperSDK is an SDK client whose decompressor keeps its window, the standard library's.
type keeperSDK struct {
	*keeper
	lines []string
	id    int
	text  int // bytes of the messages
	got   map[string][]int
	want  map[string][]int // by room: the numbers of the publications
	rooms []string
}

// connectKeeper opens a connection over which throng may compress with context, and connects.
func connectKeeper(t testing.TB, s *Server, token string) *keeperSDK {
	t.Helper()
	return connectKeeperOn(dialDeflate(t, s, chat.SessionPath, "permessage-deflate; client_max_window_bits"), token)
}

// connectKeeperOn is connectKeeper on a connection that has negotiated compression.
func connectKeeperOn(over *client, token string) *keeperSDK {
	t := over.t
	t.Helper()
	c := &keeperSDK{
		keeper: &keeper{client: over},
		got:    map[string][]int{}, want: map[string][]int{},
	}
	if got := c.command(`"connect":{"token":%q}`, token); !strings.Contains(got, `"connect":{"client":`) {
		t.Fatalf("got %s, want a connect reply", got)
	}
	return c
}

// command sends a command and returns its reply. It notes the publications before it.
func (c *keeperSDK) command(format string, args ...any) string {
	c.t.Helper()
	c.id++
	c.send(1, fmt.Sprintf(`{"id":%d,`, c.id)+fmt.Sprintf(format, args...)+"}")
	for {
		line := c.line()
		var reply struct {
			ID   int `json:"id"`
			Push struct {
				Channel string `json:"channel"`
				Pub     *struct {
					Data struct{ N int } `json:"data"`
				} `json:"pub"`
			} `json:"push"`
		}
		if err := json.Unmarshal([]byte(line), &reply); err != nil {
			c.t.Fatalf("%s: %v", line, err)
		}
		switch {
		case reply.ID == c.id:
			return line
		case reply.Push.Pub != nil:
			c.got[reply.Push.Channel] = append(c.got[reply.Push.Channel], reply.Push.Pub.Data.N)
		}
	}
}

// line returns the next line, without pings.
func (c *keeperSDK) line() string {
	c.t.Helper()
	for len(c.lines) == 0 || c.lines[0] == "{}" {
		if len(c.lines) > 0 {
			c.lines = c.lines[1:]
			continue
		}
		m, err := c.nextExceptPings()
		if err != nil {
			c.t.Fatalf("got %v, want a line", err)
		}
		text := c.read(m)
		c.text += len(text)
		c.lines = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	}
	line := c.lines[0]
	c.lines = c.lines[1:]
	return line
}

func (c *keeperSDK) subscribe(room string) {
	c.t.Helper()
	if got := c.command(`"subscribe":{"channel":%q}`, room); !strings.Contains(got, `"subscribe":{`) {
		c.t.Fatalf("got %s, want a subscribe reply", got)
	}
	c.rooms = append(c.rooms, room)
}

func (c *keeperSDK) unsubscribe(room string) {
	c.t.Helper()
	c.command(`"unsubscribe":{"channel":%q}`, room)
	c.rooms = slices.DeleteFunc(c.rooms, func(r string) bool { return r == room })
}

// check fails the test unless c has received the publications of its rooms.
func (c *keeperSDK) check(i int) {
	c.t.Helper()
	c.command(`"unsubscribe":{"channel":"none"}`)
	if fmt.Sprint(c.got) != fmt.Sprint(c.want) {
		c.t.Errorf("client %d: got %v, want %v", i, c.got, c.want)
	}
}

// publishTo publishes a chat message by the application.
func publishTo(s *Server, room string, n, size int, members []*keeperSDK) {
	data := fmt.Appendf(nil, `{"n":%d,"message":%s}`, n, chatJSON(n, size))
	s.sessions.Publish(s.sessions.RoomRef(room), chat.Publication{Data: data, Form: chat.FormJSON}, chat.PublishOptions{})
	for _, c := range members {
		if slices.Contains(c.rooms, room) || room == "#ann" {
			c.want[room] = append(c.want[room], n)
		}
	}
}

// SDK clients in one room need less than half of the bytes, as plain clients do.
func TestASessionInOneRoomSharesItsContext(t *testing.T) {
	t.Parallel()
	for _, size := range []int{350, 1000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			s := startServer(t, func(c *Config) { c.Token.HMACSecret, c.PersonalRooms, c.OtherRooms = testSecret, true, chat.RoomsOpen })
			var members []*keeperSDK
			for range 5 * len(s.sessions.Shards) {
				c := connectKeeper(t, s, userToken("ann"))
				c.subscribe("x")
				c.bytes, c.text, c.compressed = 0, 0, 0
				members = append(members, c)
			}
			const messages = 200
			for i := range messages {
				publishTo(s, "x", i, size, members)
				members[0].command(`"unsubscribe":{"channel":"none"}`)
			}
			for i, c := range members {
				c.check(i)
				if ratio := float64(c.bytes) / float64(c.text); ratio > 0.45 || c.compressed < messages {
					t.Errorf("member %d: got %.3f of the bytes, %d of %d messages compressed; want 0.45 at most, and all", i, ratio, c.compressed, messages)
				}
			}
			// The messages of the personal room change no window.
			for i := range 40 {
				publishTo(s, "x", messages+i, size, members)
				publishTo(s, "#ann", i, size, members)
				members[0].command(`"unsubscribe":{"channel":"none"}`)
			}
			for i, c := range members {
				if c.check(i); len(c.got["#ann"]) != 40 {
					t.Errorf("member %d: got %d messages of its personal room, want 40", i, len(c.got["#ann"]))
				}
			}
		})
	}
}

// Whatever rooms a session joins and leaves, its client decompresses each message of them, in order.
func TestASessionInSeveralRoomsKeepsItsWindow(t *testing.T) {
	t.Parallel()
	delta, alone := chat.DefaultRoom(), chat.DefaultRoom()
	delta.Pattern, delta.Delta = "delta", true
	alone.Pattern, alone.CompressionContext = "alone", false
	for seed := range uint64(testkit.Share(3)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := startServer(t, func(c *Config) { c.Rooms, c.Rate = []chat.RoomOptions{delta, alone}, 0 })
			r := rand.New(rand.NewPCG(seed, 5))
			rooms := []string{"a", "b", "alone", "delta", "a", "a"}
			var members []*keeperSDK
			for range 6 * len(s.sessions.Shards) {
				c := connectKeeper(t, s, "")
				c.subscribe("a")
				members = append(members, c)
			}
			for i := range 400 {
				c := members[r.IntN(len(members))]
				switch room := rooms[r.IntN(len(rooms))]; {
				case r.IntN(4) > 0:
					publishTo(s, room, i, 150+r.IntN(900), members)
				case slices.Contains(c.rooms, room):
					c.unsubscribe(room)
				default:
					c.subscribe(room)
				}
			}
			for i, c := range members {
				c.check(i)
			}
			if testutil.ToFloat64(s.metrics.CompressionShared) == 0 {
				t.Error("got no message with a context")
			}
		})
	}
}

// A second room ends the sharing of the first one, and its end lets it begin again.
func TestASecondRoomEndsTheContext(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	var members []*keeperSDK
	for range 5 * len(s.sessions.Shards) {
		c := connectKeeper(t, s, "")
		c.subscribe("x")
		members = append(members, c)
	}
	shared := func() float64 { return testutil.ToFloat64(s.metrics.CompressionShared) }
	n := 0
	publish := func(what string, shares bool) {
		t.Helper()
		before := shared()
		for range 20 {
			publishTo(s, "x", n, 350, members)
			n++
		}
		for i, c := range members {
			c.check(i)
		}
		if got := shared() > before; got != shares {
			t.Errorf("%s: got messages with a context: %v, want %v", what, got, shares)
		}
	}
	publish("in one room", true)
	for _, c := range members {
		c.subscribe("y")
	}
	publish("in two rooms", false)
	for _, c := range members {
		c.unsubscribe("y")
	}
	publish("in one room again", true)
	for _, c := range members {
		c.unsubscribe("x")
		c.subscribe("y")
		c.subscribe("x")
		c.unsubscribe("y")
	}
	publish("in another order", true)
}
