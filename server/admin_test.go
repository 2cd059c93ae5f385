package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/ws"
)

func getJSON(t testing.TB, s *Server, path string, into any) int {
	t.Helper()
	resp, err := http.Get("http://" + s.AdminAddr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return resp.StatusCode
}

func TestTheAdminPortListsConnections(t *testing.T) {
	s := startServer(t, nil)
	talker := dial(t, s, "tea & cake")
	for range 4 {
		dial(t, s, "lobby")
	}
	talker.send(ws.OpText, "hello")
	talker.expect(ws.OpText, "hello")
	type page struct {
		Connections []admin.Connection
		Total, Next int
	}
	var one page
	getJSON(t, s, "/connections?room="+url.QueryEscape("tea & cake"), &one)
	if len(one.Connections) != 1 {
		t.Fatalf("got %d connections in the room, want 1", len(one.Connections))
	}
	c := one.Connections[0]
	want := admin.Connection{
		ID:       1,
		Address:  talker.conn.LocalAddr().String(),
		Rooms:    []string{"tea & cake"},
		Since:    c.Since,
		LastSeen: c.LastSeen,
		Received: admin.Traffic{Messages: 1, Bytes: 11},
		Sent:     admin.Traffic{Messages: 1, Bytes: c.Sent.Bytes},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if age := time.Since(c.Since); age < -time.Second || age > testTimeout {
		t.Errorf("got since %v, want the current time", c.Since)
	}

	var ids []uint64
	for after := 0; ; {
		var p page
		getJSON(t, s, fmt.Sprintf("/connections?limit=2&after=%d", after), &p)
		for _, c := range p.Connections {
			ids = append(ids, c.ID)
		}
		if p.Next == 0 {
			break
		}
		after = p.Next
	}
	if fmt.Sprint(ids) != "[1 2 3 4 5]" {
		t.Errorf("page by page: got IDs %v, want 1 to 5", ids)
	}
	var bad map[string]string
	if got := getJSON(t, s, "/connections?limit=many", &bad); got != http.StatusBadRequest || bad["error"] == "" {
		t.Errorf("got %d %v, want 400 and a reason", got, bad)
	}
}

func TestTheAdminPortClosesAConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	c := dial(t, s, "lobby")
	remove := func(id string) int {
		req, err := http.NewRequest(http.MethodDelete, "http://"+s.AdminAddr().String()+"/connections/"+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := remove("1"); got != http.StatusNoContent {
		t.Errorf("got %d, want 204", got)
	}
	c.expectCloseCode(ws.ClosePolicy)
	c.conn.Close()
	eventually(t, "it to be removed", func() bool { return remove("1") == http.StatusNotFound })
	if got := remove("x"); got != http.StatusBadRequest {
		t.Errorf("got %d, want 400", got)
	}
}

func TestThePublicPortHasNoAdminPaths(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for _, path := range []string{"/metrics", "/connections", "/healthz", "/docs/", "/debug/pprof/", "/debug/pprof/heap", "/admin", "/api/info"} {
		resp, err := publicHTTP.Get("http://" + s.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %s, want 404", path, resp.Status)
		}
	}
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	c := dial(t, s, "lobby")
	c.send(ws.OpText, "x")
	c.expect(ws.OpText, "x")
	awaitFlushCounts(s)
	text := scrape(t, s)
	for _, want := range []string{
		"throng_connections 1\n", "throng_messages_total 1\n", "throng_deliveries_total 1\n", "throng_received_bytes_total 7\n",
		"throng_unsent_bytes 0\n", `throng_closes_total{reason="slow"} 0`, `throng_handshakes_total{result="accepted"} 1`,
		"throng_loop_lag_seconds_count", "throng_shard_lag_seconds_count", "throng_wheel_drift_seconds_count",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
	resp, err := http.Get("http://" + s.AdminAddr().String() + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("profiles: got %s", resp.Status)
	}
}
