package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/metrics"
)

// askPlain sends one request to the plain port and returns the response.
func askPlain(t *testing.T, s *Server, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), httptest.NewRequest("GET", "/", nil))
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestThePlainPortRedirectsToTLS(t *testing.T) {
	t.Parallel()
	for _, port := range []int{443, 4443} {
		s := startTLS(t, func(c *Config) {
			c.Hosts, c.API.Key = []string{"chat.example"}, "0123456789abcdef"
			c.TLS.RedirectPort = port
		})
		host := func(name string) string {
			if port == 443 {
				return "https://" + name
			}
			return fmt.Sprintf("https://%s:%d", name, port)
		}
		for request, want := range map[string]string{
			"GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n":                                                             host("chat.example") + "/",
			"GET /healthz HTTP/1.1\r\nHost: chat.example:3000\r\n\r\n":                                                 host("chat.example") + "/healthz",
			"GET /a%2Fb/?q=%20x HTTP/1.1\r\nHost: [::1]:3000\r\n\r\n":                                                  host("[::1]") + "/a%2Fb/?q=%20x",
			"GET //evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n":                                                  host("127.0.0.1") + "//evil.example/",
			"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                            "",
			"POST /connection/guest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab":                        host("localhost") + "/connection/guest",
			"POST /api/info HTTP/1.1\r\nHost: localhost\r\nX-API-Key: 0123456789abcdef\r\nContent-Length: 2\r\n\r\n{}": host("localhost") + "/api/info",
		} {
			resp, _ := askPlain(t, s, request)
			if want == "" { // net/http answers it
				if got := resp.Header.Get("Location"); got != "" {
					t.Errorf("%q: got a redirect to %q, want none", request, got)
				}
				continue
			}
			if got := resp.Header.Get("Location"); got != want || resp.StatusCode != http.StatusPermanentRedirect {
				t.Errorf("%q: got %d to %q, want 308 to %q", request, resp.StatusCode, got, want)
			}
		}
		for request, want := range map[string]int{
			"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n":          http.StatusMisdirectedRequest,
			"GET / HTTP/1.1\r\nHost: a@evil.example\r\n\r\n":        http.StatusBadRequest,
			"GET / HTTP/1.0\r\n\r\n":                                http.StatusBadRequest,
			upgradeRequest("chat.example", "/ws?room=x"):            http.StatusForbidden,
			upgradeRequest("chat.example", "/connection/websocket"): http.StatusForbidden,
		} {
			resp, body := askPlain(t, s, request)
			if resp.StatusCode != want || resp.Header.Get("Location") != "" {
				t.Errorf("%q: got %d to %q, want %d", request, resp.StatusCode, resp.Header.Get("Location"), want)
			}
			if want == http.StatusForbidden && !strings.Contains(body, fmt.Sprintf("wss:// to port %d", port)) {
				t.Errorf("got %q, want advice to use wss", body)
			}
		}
		if got := value(t, s, "throng_handshakes_total", metrics.HandshakeRedirect); got != 2 {
			t.Errorf("counted %v handshakes, want 2", got)
		}
		if got := getStatus(t, s, "chat.example"); got != http.StatusOK {
			t.Errorf("the TLS port: got %d, want 200", got)
		}
	}
}
