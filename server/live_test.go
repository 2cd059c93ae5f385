package server

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// liveSnapshot is what the tests read of a snapshot.
type liveSnapshot struct {
	At      int64
	Now     map[string]float64
	Closes  map[string]int
	Latency []int
	State   struct{ Word, Reason, Advice string }
	Server  struct {
		MaxConnections int64 `json:"max_connections"`
		Durable        bool
	}
	Rooms []struct {
		Room    string
		Members int
		In, Out float64
	}
	Queues     []struct{ ID, Bytes int }
	LastCloses []struct {
		ID           int
		User, Reason string
		Code         int
		Text         string
	} `json:"last_closes"`
}

// withSecret lets clients with a token connect.
func withSecret(c *Config) { c.Token.HMACSecret, c.OtherRooms = testSecret, "open" }

// snapshotOf returns the next snapshot for which is returns true.
func snapshotOf(t *testing.T, s *Server, what string, is func(*liveSnapshot) bool) *liveSnapshot {
	t.Helper()
	var found *liveSnapshot
	eventually(t, what, func() bool {
		found = &liveSnapshot{}
		getJSON(t, s, "/live?once", found)
		return is(found)
	})
	return found
}

func TestASnapshotHasWhatTheServerDoes(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	snapshotOf(t, s, "a snapshot", func(l *liveSnapshot) bool { return l.At > 0 })
	talker, listener := dial(t, s, "lobby"), dial(t, s, "lobby")
	dial(t, s, "quiet")
	found := snapshotOf(t, s, "messages in a room", func(l *liveSnapshot) bool {
		talker.send(ws.OpText, "hello")
		talker.expect(ws.OpText, "hello")
		listener.expect(ws.OpText, "hello")
		return len(l.Rooms) == 2 && l.Rooms[0].Out > 0 && l.Now["messages"] > 0 && l.Latency != nil
	})
	if r := found.Rooms[0]; r.Room != "lobby" || r.Members != 2 || r.Out < r.In {
		t.Errorf("got %+v first, want the lobby with 2 members", r)
	}
	if r := found.Rooms[1]; r.Room != "quiet" || r.Members != 1 || r.Out != 0 {
		t.Errorf("got %+v second, want the quiet room", r)
	}
	if found.Now["connections"] != 3 || found.Now["memory"] < 1<<20 || found.Server.MaxConnections < 1 || found.Server.Durable {
		t.Errorf("got %+v of %+v, want 3 connections and the memory", found.Now, found.Server)
	}
	listener.conn.Close()
	closed := snapshotOf(t, s, "a close", func(l *liveSnapshot) bool { return len(l.LastCloses) == 1 })
	if c := closed.LastCloses[0]; c.Reason != "gone" || c.ID != 2 {
		t.Errorf("got %+v, want connection 2, which is gone", c)
	}
	var history struct {
		At     []int64
		Bounds []float64
		Series map[string][]float64
		Closes []map[string]int
	}
	getJSON(t, s, "/live/history", &history)
	n := len(history.At)
	if n < 2 || len(history.Series["connections"]) != n || len(history.Closes) != n || len(history.Bounds) != 16 {
		t.Errorf("got %d samples, %d values, %d closes and %d bounds", n, len(history.Series["connections"]), len(history.Closes), len(history.Bounds))
	}
	var most, gone float64
	for i, v := range history.Series["closed"] {
		most += v
		gone += float64(history.Closes[i]["gone"])
	}
	if most != 1 || gone != 1 {
		t.Errorf("got %v closes and %v gone in the history, want 1 and 1", most, gone)
	}
}

func TestAnSDKClientIsNamedInTheLastCloses(t *testing.T) {
	t.Parallel()
	s := startServer(t, withSecret)
	connectSDK(t, s, signed(map[string]any{"sub": "ann"})).conn.Close()
	got := snapshotOf(t, s, "the close of ann", func(l *liveSnapshot) bool { return len(l.LastCloses) > 0 })
	if got.LastCloses[0].User != "ann" {
		t.Errorf("got %+v, want ann", got.LastCloses[0])
	}
}

// The page works while a shard does not: that is when it is needed.
func TestSnapshotsDoNotWaitForAShard(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	block := make(chan struct{})
	s.sessions.Shards[0].Post(fanout.Job{Do: fanout.CallBack, Call: func() { <-block }})
	defer close(block)
	// The reason may be another one on a machine that is busy itself.
	snapshotOf(t, s, "the time for which the shard has not answered", func(l *liveSnapshot) bool {
		return l.Now["latency_max"] >= 2000 && l.State.Word == "BUSY"
	})
}

func TestTheDiskHasAWord(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, _ := startDurable(t, fake, durableRoom("d:*"))
	snapshotOf(t, s, "OK", func(l *liveSnapshot) bool { return l.State.Word == "OK" && l.Server.Durable })
	fake.Full(true)
	wantError(t, s, "publish", `{"channel":"d:1","data":1}`, 100, "not available")
	snapshotOf(t, s, "DISK", func(l *liveSnapshot) bool { return l.State.Word == "DISK" })
}

func TestRejectedConnectionsAreShedding(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.MaxConnections = 1 })
	dial(t, s, "lobby")
	resp, _ := ask(t, s.Addr().String(), upgradeRequest("127.0.0.1", "/ws?room=lobby"))
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("got %s, want 503", resp.Status)
	}
	snapshotOf(t, s, "SHEDDING", func(l *liveSnapshot) bool {
		return l.State.Word == "SHEDDING" && strings.Contains(l.State.Reason, "Connections were rejected (1 in ")
	})
}

func TestAStreamHasASnapshotEachSecond(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	resp, err := http.Get("http://" + s.AdminAddr().String() + "/live")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("got %q, want an event stream", got)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var seconds []int64
	for len(seconds) < 3 && lines.Scan() {
		text, is := strings.CutPrefix(lines.Text(), "data: ")
		if !is {
			continue
		}
		var one liveSnapshot
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			t.Fatal(err)
		}
		seconds = append(seconds, one.At)
	}
	if len(seconds) != 3 || seconds[1] <= seconds[0] || seconds[2] <= seconds[1] {
		t.Errorf("got snapshots at %v, want one a second (%v)", seconds, lines.Err())
	}
}

func TestStreamsHaveALimitAndEndWithThePort(t *testing.T) {
	s := startServer(t, nil)
	client := http.Client{Timeout: testTimeout} // of a whole response
	var open []io.Reader
	for range 32 {
		resp, err := client.Get("http://" + s.AdminAddr().String() + "/live")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("got %s for stream %d, want 200", resp.Status, len(open)+1)
		}
		open = append(open, resp.Body)
	}
	resp, err := client.Get("http://" + s.AdminAddr().String() + "/live")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %s for one more, want 503 with Retry-After", resp.Status)
	}
	s.live.End()
	for _, stream := range open {
		if _, err := io.Copy(io.Discard, stream); err != nil {
			t.Errorf("got %v at the end, want a response that is complete", err)
		}
	}
}

func TestConnectionsOfAUserAreListed(t *testing.T) {
	t.Parallel()
	s := startServer(t, withSecret)
	for _, user := range []string{"ann", "ben"} {
		connectSDK(t, s, signed(map[string]any{"sub": user}))
	}
	var page struct {
		Connections []struct{ User string }
	}
	getJSON(t, s, "/connections?user=ann", &page)
	if len(page.Connections) != 1 || page.Connections[0].User != "ann" {
		t.Errorf("got %+v, want that of ann", page.Connections)
	}
}

func TestTheHeaviestRoomsComeFirst(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.OtherRooms = chat.RoomsOpen })
	members := map[string]int{"a": 1, "b": 3, "c": 2}
	for room, n := range members {
		for range n {
			dial(t, s, room)
		}
	}
	eventually(t, "all members", func() bool { return s.sessions.Live.Load() == 6 })
	s.sessions.HeaviestRooms(10)
	if got := s.sessions.HeaviestRooms(2); len(got) != 2 || got[0].Name != "b" || got[1].Name != "c" || got[0].Members != 3 {
		t.Errorf("without messages: got %+v, want b and c, which have the most members", got)
	}
	c := dial(t, s, "a")
	for range 5 {
		c.send(ws.OpText, "x")
		c.expect(ws.OpText, "x")
	}
	got := s.sessions.HeaviestRooms(10)
	if len(got) != 3 || got[0] != (chat.RoomTraffic{Name: "a", Members: 2, Messages: 5, Deliveries: 10}) {
		t.Errorf("got %+v, want a with 5 messages for 2 members each first", got)
	}
}
