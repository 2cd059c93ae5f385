package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/metrics"
)

// DNS rebinding: if evil.example resolves to 127.0.0.1, a page of it is same-origin with the server, so its Origin and Host headers match.
// Only the host name shows the attack.
func TestARebindingPageIsRejectedOnAllPaths(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) {
		c.API.Key = strings.ReplaceAll(testKey, " ", "-")
		c.Hosts = nil
	})
	public, admin := s.Addr().String(), s.AdminAddr().String()
	dial(t, s, "lobby")
	for _, tt := range []struct{ port, method, path string }{
		{public, "GET", "/"},
		{public, "GET", "/page.js"},
		{public, "GET", "/none"},
		{public, "POST", edge.GuestPath},
		{public, "POST", "/api/info"},
		{public, "GET", "/api/openapi.json"},
		{admin, "GET", "/healthz"},
		{admin, "GET", "/readyz"},
		{admin, "GET", "/metrics"},
		{admin, "GET", "/docs/"},
		{admin, "GET", "/connections"},
		{admin, "DELETE", "/connections/1"},
		{admin, "GET", "/debug/pprof/"},
		{admin, "GET", "/debug/pprof/cmdline"},
		{admin, "GET", "/none"},
	} {
		head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: evil.example:3000\r\nOrigin: http://evil.example:3000\r\nX-API-Key: %s\r\nContent-Length: 2\r\n\r\n{}", tt.method, tt.path, s.cfg.API.Key)
		resp, body := ask(t, tt.port, head)
		if resp.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(body, "--host evil.example") {
			t.Errorf("%s %s: got %s %q, want 421 that names --host", tt.method, tt.path, resp.Status, body)
		}
	}
	for _, path := range []string{edge.RoomPath, chat.SessionPath} {
		resp, body := ask(t, public, strings.Replace(upgradeRequest("evil.example:3000", path), "\r\n\r\n", "\r\nOrigin: http://evil.example:3000\r\n\r\n", 1))
		if resp.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(body, "--host evil.example") {
			t.Errorf("%s: got %s %q, want 421 that names --host", path, resp.Status, body)
		}
		if resp, _ := ask(t, public, upgradeRequest("localhost:3000", path)); resp.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%s as localhost: got %s, want 101", path, resp.Status)
		}
	}
	if got := value(t, s, "throng_handshakes_total", metrics.HandshakeHost); got != 2 {
		t.Errorf("got %v handshakes counted, want 2", got)
	}
	if got := value(t, s, "throng_http_refused_total", metrics.RejectedHost); got != 15 {
		t.Errorf("got %v requests counted, want 15", got)
	}
	var page struct{ Total int }
	getJSON(t, s, "/connections", &page)
	if page.Total < 1 {
		t.Error("the connection was closed by the page of another site")
	}
}

func TestAListedHostIsServed(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Hosts = []string{"chat.example", "*.chat.example"} })
	for host, want := range map[string]int{"chat.example": 200, "a.chat.example:80": 200, "localhost": 200, "127.0.0.1": 200, "evil.example": 421} {
		for port, path := range map[string]string{s.Addr().String(): "/", s.AdminAddr().String(): "/healthz"} {
			resp, _ := ask(t, port, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
			if resp.StatusCode != want {
				t.Errorf("host %s, %s: got %s, want %d", host, path, resp.Status, want)
			}
		}
	}
	resp, _ := ask(t, s.Addr().String(), strings.Replace(upgradeRequest("chat.example", edge.RoomPath), "\r\n\r\n", "\r\nOrigin: https://chat.example\r\n\r\n", 1))
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("got %s, want 101", resp.Status)
	}
}

// A server on the network accepts any host name, unless its names are listed. The admin port always checks the name.
func TestTheHostIsCheckedWhereItCanBeForged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		listen string
		hosts  []string
		want   int
	}{
		{listen: "127.0.0.1:0", want: 421},
		{listen: "localhost:0", want: 421},
		{listen: "0.0.0.0:0", want: 200},
		{listen: "0.0.0.0:0", hosts: []string{"chat.example"}, want: 421},
	} {
		s := startServer(t, func(c *Config) { c.Listen, c.Hosts = tt.listen, tt.hosts })
		port := s.Addr().String()
		port = "127.0.0.1" + port[strings.LastIndexByte(port, ':'):]
		if resp, _ := ask(t, port, "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n"); resp.StatusCode != tt.want {
			t.Errorf("listening on %s, hosts %q: got %s, want %d", tt.listen, tt.hosts, resp.Status, tt.want)
		}
		if resp, _ := ask(t, s.AdminAddr().String(), "GET /healthz HTTP/1.1\r\nHost: other.example\r\n\r\n"); resp.StatusCode != 421 {
			t.Errorf("admin, with %s, hosts %q: got %s, want 421", tt.listen, tt.hosts, resp.Status)
		}
	}
}

func TestTheAdminPortRejectsOtherSites(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	dial(t, s, "lobby")
	admin := s.AdminAddr().String()
	for _, path := range []string{"GET /healthz", "GET /connections", "GET /metrics", "DELETE /connections/1", "GET /debug/pprof/cmdline"} {
		for header, want := range map[string]bool{
			"Sec-Fetch-Site: cross-site":  false,
			"Sec-Fetch-Site: same-site":   false,
			"Origin: http://evil.example": false,
			"Origin: null":                false,
			"Origin: http://127.0.0.1:1":  false,
			"Sec-Fetch-Site: same-origin": true,
			"Sec-Fetch-Site: none":        true, // entered in the address bar
			"Origin: http://" + admin:     true,
			"X: no browser":               true,
		} {
			if want && strings.HasPrefix(path, "DELETE") {
				continue
			}
			resp, _ := ask(t, admin, path+" HTTP/1.1\r\nHost: "+admin+"\r\n"+header+"\r\n\r\n")
			if got := resp.StatusCode == http.StatusOK; got != want || !want && resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %s: got %s, want a response: %v, or 403", path, header, resp.Status, want)
			}
		}
	}
	if got := value(t, s, "throng_http_refused_total", metrics.RejectedCrossSite); got != 25 {
		t.Errorf("got %v requests counted, want 25", got)
	}
	if got := s.sessions.Live.Load(); got != 1 {
		t.Errorf("got %d connections, want the one that another site did not close", got)
	}
}

// The same rules apply to handshakes that ParseHead reads and to those that net/http reads.
func TestOriginsAreCheckedOnBothPaths(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Origins = []string{"https://*.friend.example", "capacitor://localhost"} })
	for _, path := range []string{"/ws", chat.SessionPath} {
		for origin, want := range map[string]int{
			"https://a.friend.example": 101, "capacitor://localhost": 101, "https://friend.example": 403, "http://a.friend.example": 403, "null": 403,
		} {
			for _, more := range []string{"", "Content-Length: 0\r\n"} { // which the acceptor passes to net/http
				request := strings.Replace(upgradeRequest("localhost", path), "\r\n\r\n", "\r\n"+more+"Origin: "+origin+"\r\n\r\n", 1)
				if resp, body := ask(t, s.Addr().String(), request); resp.StatusCode != want {
					t.Errorf("%s, %s, %q: got %s %q, want %d", path, origin, more, resp.Status, body, want)
				}
			}
		}
	}
}
