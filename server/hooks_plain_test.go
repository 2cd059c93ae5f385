package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// With the connect or the subscribe event, plain clients need the permission of the application.
func TestAPlainClientNeedsTheConnectWebhook(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"yes":    `{"result":{"info":{"a":1},"data":{"b":2},"meta":{}}}`,
		"given":  `{"result":{"channels":["given"]}}`,
		"no":     `{"error":{"code":403,"message":"members only"}}`,
		"out":    `{"disconnect":{"code":4500,"reason":"go away"}}`,
		"ann":    `{"result":{"user":"ann"}}`,
		"timed":  `{"result":{"expire_at":4102444800}}`,
		"broken": `nonsense`,
	}
	for _, events := range [][]string{{session.OnConnect}, {session.OnSubscribe}, {session.OnConnect, session.OnSubscribe}} {
		a := startApplication(t, map[string]func(question) string{})
		for _, event := range events {
			a.answers[event] = func(q question) string {
				room := q.Channel
				if q.Event == session.OnConnect {
					room = q.Channels[0]
				}
				if q.Event == session.OnSubscribe && room == "given" {
					return answers["no"] // must not be requested
				}
				return answers[room]
			}
		}
		s := startHooked(t, a, nil)
		for room, want := range map[string]struct {
			status int
			says   string
		}{
			"yes": {101, ""}, "no": {403, "members only"}, "out": {403, "go away"}, "ann": {403, "the reply has a user"},
			"timed": {403, "the reply has an expiry"}, "broken": {503, "did not respond"},
		} {
			for _, again := range []bool{false, true} { // as the first request, and after another request
				resp, body := plainHandshake(t, s, room, again)
				if resp.StatusCode != want.status || !strings.Contains(body, want.says) {
					t.Errorf("%v, room %s, after another request %v: got %s %q, want %d and %q", events, room, again, resp.Status, body, want.status, want.says)
				}
				if want.status == 503 && resp.Header.Get("Retry-After") == "" {
					t.Errorf("%v: a 503 without Retry-After", events)
				}
			}
		}
		if events[0] == session.OnConnect {
			if resp, body := plainHandshake(t, s, "given", false); resp.StatusCode != 101 {
				t.Errorf("%v: a room in the connect reply: got %s %q", events, resp.Status, body)
			}
		}
		eventually(t, "all to be removed", func() bool { return s.sessions.Live.Load() == 0 })
		before := len(a.of(events[0]))
		c := dial(t, s, "yes")
		c.send(ws.OpText, "hello")
		c.expect(ws.OpText, "hello")
		for _, event := range events {
			q := a.of(event)[len(a.of(event))-1]
			if q.Protocol != "plain" || len(q.Client) != 32 || q.User != "" || event == session.OnSubscribe && q.Channel != "yes" {
				t.Errorf("got %+v", q)
			}
		}
		if got := len(a.of(events[0])) - before; got != 1 {
			t.Errorf("%v: got %d proxy requests for one client, want 1", events, got)
		}
	}
}

// plainHandshake sends a handshake for a room, as the first or the second request of a connection, and closes the connection.
func plainHandshake(t *testing.T, s *Server, room string, second bool) (*http.Response, string) {
	t.Helper()
	request := upgradeRequest(s.Addr().String(), "/ws?room="+room)
	if !second {
		return ask(t, s.Addr().String(), request)
	}
	c := &client{t: t}
	var err error
	if c.conn, err = dialPublic(&net.Dialer{}, s.Addr().String()); err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	c.write([]byte(fmt.Sprintf("GET /emoji.json HTTP/1.1\r\nHost: %s\r\n\r\n", s.Addr())))
	reader := bufio.NewReader(c.conn)
	first, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, first.Body); err != nil {
		t.Fatal(err)
	}
	c.write([]byte(request))
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == 101 {
		return resp, ""
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// With only the events publish, rpc and disconnect, a plain client connects without a proxy request.
func TestARejectedPlainClientCausesNoProxyRequest(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnRPC: nil, session.OnPublish: nil})
	s := startHooked(t, a, nil)
	c := dial(t, s, "lobby")
	c.send(ws.OpText, "hello")
	c.expect(ws.OpText, "hello")
	if got := len(a.of(session.OnConnect)) + len(a.of(session.OnSubscribe)); got != 0 {
		t.Errorf("got %d asked, want none", got)
	}
}

// A hanging application delays only the plain clients that wait for it. Their number is bounded, and a disconnect frees a place.
func TestPlainClientsWaitingForTheWebhookAreBounded(t *testing.T) {
	t.Parallel()
	var a *application
	a = startApplication(t, map[string]func(question) string{session.OnSubscribe: func(question) string { <-a.hang; return "" }})
	s := startHooked(t, a, nil)
	var waiting []net.Conn
	for range 3 {
		nc, err := dialPublic(&net.Dialer{}, s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if _, err := io.WriteString(nc, upgradeRequest(s.Addr().String(), "/ws")); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, nc)
	}
	eventually(t, "three proxy requests", func() bool { return len(a.of(session.OnSubscribe)) == 3 && s.sessions.Hooks.Plain.Length() == 3 })
	connectSDK(t, s, userToken("ann"))

	var places []*limiter.Slot
	for i := range session.MaxPlainWaiting - 3 {
		places = append(places, s.sessions.Hooks.Plain.Acquire(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), func() { t.Error("another address was evicted") }))
	}
	// Its own address has the most places.
	resp, body := ask(t, s.Addr().String(), upgradeRequest(s.Addr().String(), "/ws"))
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "wait for the application") {
		t.Errorf("got %s %q, want 503", resp.Status, body)
	}
	if got := value(t, s, "throng_handshakes_total", metrics.HandshakeFull); got != 1 {
		t.Errorf("got %v rejected as full, want 1", got)
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
	other, err := dialPublic(&d, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := io.WriteString(other, upgradeRequest(s.Addr().String(), "/ws")); err != nil {
		t.Fatal(err)
	}
	waiting = append(waiting, other)
	eventually(t, "the proxy request of another address", func() bool { return len(a.of(session.OnSubscribe)) == 4 })
	eventually(t, "a handshake of the heaviest address to be evicted", func() bool { return value(t, s, "throng_handshakes_total", metrics.HandshakeFull) == 2 })
	for _, at := range places {
		s.sessions.Hooks.Plain.Release(at)
	}
	for _, nc := range waiting {
		nc.Close()
	}
	eventually(t, "the disconnected clients to be removed", func() bool { return s.sessions.Hooks.Plain.Length() == 0 && s.sessions.Live.Load() == 1 })
}

// presence_stats and channels count plain members.
func TestPlainMembersAreCounted(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	stats := func(clients, users int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d clients and %d users", clients, users), func() bool {
			return call(t, s, "presence_stats", `{"channel":"lobby"}`) == fmt.Sprintf(`{"result":{"num_clients":%d,"num_users":%d}}`, clients, users)
		})
	}
	a, b := dial(t, s, "lobby"), dial(t, s, "lobby")
	dial(t, s, "elsewhere")
	stats(2, 1)
	ann := connectSDK(t, s, userToken("ann"))
	ann.enter("lobby")
	stats(3, 2)
	wantCall(t, s, "channels", `{"pattern":"lobby"}`, `{"result":{"channels":{"lobby":{"num_clients":3}}}}`)
	connectSDK(t, s, "").enter("lobby") // another client without a user
	stats(4, 2)
	ann.sendLine(`{"id":9,"presence_stats":{"channel":"lobby"}}`)
	ann.expectLine(`{"id":9,"presence_stats":{"num_clients":4,"num_users":2}}`)
	a.conn.Close()
	b.conn.Close()
	stats(2, 2)
}
