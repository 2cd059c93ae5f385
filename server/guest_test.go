package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/metrics"
)

// signIn requests a guest token. lines are more header lines.
func signIn(t testing.TB, s *Server, body string, lines ...string) (*http.Response, string) {
	t.Helper()
	return ask(t, s.Addr().String(), fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n%s",
		edge.GuestPath, s.Addr(), len(body), strings.Join(append(lines, ""), "\r\n"), body))
}

// guest requests a guest token and returns the response. token is that of the guest to continue, or empty.
func guest(t testing.TB, s *Server, name, token string) edge.GuestResponse {
	t.Helper()
	body, err := json.Marshal(edge.GuestRequest{Name: name, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	resp, text := signIn(t, s, string(body))
	var a edge.GuestResponse
	if err := json.Unmarshal([]byte(text), &a); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %s %q (%v), want a token", resp.Status, text, err)
	}
	return a
}

func TestAGuestConnectsUnderItsName(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	ann, bo := guest(t, s, "Ann", ""), guest(t, s, "Bo", "")
	if !strings.HasPrefix(ann.User, "guest:") || ann.User == bo.User || ann.TTL != 600 {
		t.Fatalf("got %+v and %+v, want two guests for 600 s", ann, bo)
	}
	a, b := connectSDK(t, s, ann.Token), connectSDK(t, s, bo.Token)
	a.sendLine(`{"id":2,"subscribe":{"channel":"lobby"}}`)
	a.expectLine(`{"id":2,"subscribe":{}}`)
	b.sendLine(`{"id":2,"subscribe":{"channel":"lobby"}}` + "\n" + `{"id":3,"publish":{"channel":"lobby","data":{"text":"hi"}}}`)
	got := a.line()
	if !strings.Contains(got, fmt.Sprintf(`"user":%q`, bo.User)) || !strings.Contains(got, `"conn_info":{"name":"Bo"}`) {
		t.Errorf("got %s, want it from %s, Bo", got, bo.User)
	}
}

func TestAnOldTokenContinuesAGuest(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	ann := guest(t, s, "Ann", "")
	again := guest(t, s, "Ann", ann.Token)
	if again.User != ann.User || again.Token == ann.Token {
		t.Errorf("got %+v after %+v, want a new token of the same user", again, ann)
	}
	if renamed := guest(t, s, "Anna", ann.Token); renamed.User != ann.User {
		t.Errorf("with another name: got %s, want %s", renamed.User, ann.User)
	}

	old := func(ended time.Duration) string {
		text, err := s.sessions.Tokens.Guest("Ann", ann.User, time.Now().Add(-ended-edge.GuestLifetime), edge.GuestLifetime)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if late := guest(t, s, "Ann", old(edge.GuestGrace-time.Minute)); late.User != ann.User {
		t.Errorf("with a token that has just expired: got %s, want %s", late.User, ann.User)
	}
	for what, token := range map[string]string{
		"a token that ended long ago":  old(edge.GuestGrace + time.Minute),
		"one of another server":        guest(t, startServer(t, nil), "Ann", "").Token,
		"one with another end":         ann.Token[:len(ann.Token)-4] + "AAAA",
		"nonsense":                     "x",
		"a user's id":                  ann.User,
		"a token that is far too long": strings.Repeat("x", 5000),
	} {
		body, err := json.Marshal(edge.GuestRequest{Name: "Ann", Token: token})
		if err != nil {
			t.Fatal(err)
		}
		if resp, text := signIn(t, s, string(body)); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(text, "send the request without") {
			t.Errorf("%s: got %s %q, want 401 that says what to do", what, resp.Status, text)
		}
	}
}

// A token of the application cannot continue a guest, and a guest token cannot be that of an account.
func TestATokenOfTheApplicationIsNotAGuestToken(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	for _, user := range []string{"ann", "guest:ann"} {
		token := signed(map[string]any{"sub": user, "exp": time.Now().Add(time.Hour).Unix()})
		if resp, text := signIn(t, s, fmt.Sprintf(`{"name":"Ann","token":%q}`, token)); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: got %s %q, want 401", user, resp.Status, text)
		}
	}
}

func TestInvalidGuestRequestsAreRejected(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.Origins = []string{"https://friend.example"} })
	for _, tt := range []struct {
		name, body string
		line       string
		want       int
		says       string
	}{
		{name: "no name", body: `{}`, want: 400, says: "name"},
		{name: "an empty name", body: `{"name":""}`, want: 400, says: "name"},
		{name: "a name of spaces", body: `{"name":" \u2003"}`, want: 400, says: "name"},
		{name: "the longest name", body: `{"name":"` + strings.Repeat("é", 32) + `"}`, want: 200},
		{name: "a longer one", body: `{"name":"` + strings.Repeat("é", 32) + `x"}`, want: 400, says: "1 to 64 bytes"},
		{name: "a control character", body: `{"name":"a\u0007"}`, want: 400, says: "control"},
		{name: "no UTF-8", body: "{\"name\":\"\xff\"}", want: 400, says: "UTF-8"},
		{name: "a name that is none", body: `{"name":["Ann"]}`, want: 400, says: `{"name":NAME}`},
		{name: "no JSON", body: `name=Ann`, want: 400, says: `{"name":NAME}`},
		{name: "two values", body: `{"name":"Ann"}{"name":"Bo"}`, want: 400, says: `{"name":NAME}`},
		{name: "nothing", body: ``, want: 400, says: `{"name":NAME}`},
		{name: "deep nesting", body: strings.Repeat("[", 8000), want: 400, says: `{"name":NAME}`},
		{name: "the largest body", body: `{"name":"Ann"}` + strings.Repeat(" ", edge.MaxGuestBody-14), want: 200},
		{name: "a larger one", body: `{"name":"Ann"}` + strings.Repeat(" ", edge.MaxGuestBody-13), want: 413, says: "8192"},
		{name: "a page of another site", body: `{"name":"Ann"}`, line: "Origin: https://evil.example", want: 403, says: "--origin https://evil.example"},
		{name: "a page opened from a file", body: `{"name":"Ann"}`, line: "Origin: null", want: 403, says: "--origin null"},
		{name: "our own page", body: `{"name":"Ann"}`, line: "Origin: http://" + s.Addr().String(), want: 200},
		{name: "a friend's page", body: `{"name":"Ann"}`, line: "Origin: https://friend.example", want: 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			if tt.line != "" {
				lines = append(lines, tt.line)
			}
			resp, text := signIn(t, s, tt.body, lines...)
			if resp.StatusCode != tt.want || !strings.Contains(text, tt.says) {
				t.Errorf("got %s %q, want %d that says %q", resp.Status, text, tt.want, tt.says)
			}
			if got := resp.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control: got %q, want no-store", got)
			}
			origin, allowed := strings.TrimPrefix(tt.line, "Origin: "), resp.Header.Get("Access-Control-Allow-Origin")
			if tt.want == 200 && allowed != origin || tt.want == 403 && allowed != "" {
				t.Errorf("origin %q: got %q allowed", origin, allowed)
			}
		})
	}
	t.Run("another method", func(t *testing.T) {
		resp, _ := ask(t, s.Addr().String(), "GET "+edge.GuestPath+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST, OPTIONS" {
			t.Errorf("got %s, Allow %q", resp.Status, resp.Header.Get("Allow"))
		}
	})
	t.Run("a question before", func(t *testing.T) {
		resp, _ := ask(t, s.Addr().String(), "OPTIONS "+edge.GuestPath+" HTTP/1.1\r\nHost: localhost\r\nOrigin: https://friend.example\r\n\r\n")
		if resp.StatusCode != http.StatusNoContent || resp.Header.Get("Access-Control-Allow-Origin") != "https://friend.example" ||
			resp.Header.Get("Access-Control-Allow-Methods") != "POST" || resp.Header.Get("Access-Control-Allow-Headers") != "Content-Type" {
			t.Errorf("got %s %v", resp.Status, resp.Header)
		}
	})
}

func TestGuestsAreRejectedIfOff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ listen, guests string }{{"127.0.0.1:0", "off"}, {"0.0.0.0:0", "auto"}} {
		s := startServer(t, func(c *Config) { c.Listen, c.Guests = tt.listen, tt.guests })
		_, port, err := net.SplitHostPort(s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		body := `{"name":"Ann"}`
		resp, text := ask(t, "127.0.0.1:"+port, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", edge.GuestPath, len(body), body))
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(text, "--guests on") {
			t.Errorf("%+v: got %s %q, want 403 that names --guests on", tt, resp.Status, text)
		}
	}
}

func TestAGuestBodyHasATimeout(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	resp, text := ask(t, s.Addr().String(), "POST "+edge.GuestPath+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
	if resp.StatusCode != http.StatusRequestTimeout || !resp.Close {
		t.Errorf("got %s %q, close %v; want 408, then the end", resp.Status, text, resp.Close)
	}
	eventually(t, "the slot to be free", func() bool { return s.edge.Guests.Bodies.Length() == 0 })
}

func TestGuestsOfOneAddressAreRateLimited(t *testing.T) {
	t.Parallel()
	g := edge.NewGuests()
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for g.Rates.Index(other) == g.Rates.Index(one) {
		other = other.Next() // both would share a meter
	}
	for i := range edge.GuestRate * limiter.BurstSeconds {
		if !g.Allow(one, 0) {
			t.Fatalf("rejected as number %d, want %d at once", i, edge.GuestRate*limiter.BurstSeconds)
		}
	}
	if g.Allow(one, 0) {
		t.Error("one more: allowed, want rejected")
	}
	if !g.Allow(other, 0) {
		t.Error("another address: rejected, want allowed")
	}
	if !g.Allow(one, time.Second/edge.GuestRate) {
		t.Error("later: rejected, want allowed")
	}

	s := startServer(t, nil)
	for range edge.GuestRate*limiter.BurstSeconds + 1 {
		s.edge.Guests.Allow(netip.MustParseAddr("127.0.0.1"), time.Hour)
	}
	resp, _ := signIn(t, s, `{"name":"Ann"}`)
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %s, want 429 with Retry-After", resp.Status)
	}
	if got := value(t, s, "throng_http_refused_total", metrics.RejectedRate); got != 1 {
		t.Errorf("got %v rejected requests counted, want 1", got)
	}
}

// A guest with a new name keeps its connection and its rooms.
func TestARefreshedGuestTokenChangesTheName(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	ann := guest(t, s, "Ann", "")
	c, other := connectSDK(t, s, ann.Token), connectSDK(t, s, "")
	for _, c := range []*sdk{c, other} {
		c.sendLine(`{"id":2,"subscribe":{"channel":"lobby"}}`)
		c.expectLine(`{"id":2,"subscribe":{}}`)
	}
	c.sendLine(`{"id":3,"refresh":{"token":%q}}`, guest(t, s, "Anna", ann.Token).Token)
	if got := c.line(); !strings.HasPrefix(got, `{"id":3,"refresh":{"client":`) || !strings.Contains(got, `"expires":true,"ttl":`) {
		t.Fatalf("got %s, want it refreshed", got)
	}
	c.sendLine(`{"id":4,"publish":{"channel":"lobby","data":1}}`)
	if got := other.line(); !strings.Contains(got, `"conn_info":{"name":"Anna"}`) {
		t.Errorf("got %s, want it from Anna", got)
	}
	other.sendLine(`{"id":5,"presence":{"channel":"lobby"}}`)
	if got := other.line(); !strings.Contains(got, `"conn_info":{"name":"Anna"}`) || strings.Contains(got, `"Ann"`) {
		t.Errorf("got %s, want Anna to be present", got)
	}
}

// A revoked guest token cannot be exchanged for a new one.
func TestARevokedGuestGetsNoNewToken(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	ann := guest(t, s, "Ann", "")
	s.sessions.Moderation.Revoke(ann.User, "", chat.Revocation{IssuedBefore: time.Now().Add(time.Second)})
	resp, text := signIn(t, s, fmt.Sprintf(`{"name":"Ann","token":%q}`, ann.Token))
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(text, "send the request without") {
		t.Errorf("got %s %q, want 401 that says what to do", resp.Status, text)
	}
}

// If slow bodies from a few addresses take every slot, a guest from another address still gets a token.
func TestSlowBodiesDoNotBlockOtherGuests(t *testing.T) {
	t.Parallel()
	const places, addresses, each = 24, 6, 6
	s := startPrepared(t, nil, func(s *Server) {
		s.edge.Guests.Bodies, s.edge.Guests.Timeout = limiter.NewSlots(places, false), testTimeout
	})
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: ", edge.GuestPath, s.Addr())
	for i := range addresses * each {
		slowGuest(t, s, fmt.Sprintf("127.0.1.%d", 1+i%addresses))
	}
	const refused = addresses*each - places
	eventually(t, "the slow bodies to arrive", func() bool { return value(t, s, "throng_http_refused_total", metrics.RejectedFull) == refused })
	const honest = 10
	for i := range honest {
		body := `{"name":"Ann"}`
		_, _, resp := statusFrom(t, s, fmt.Sprintf("127.0.2.%d", 1+i%2), fmt.Sprintf("%s%d\r\n\r\n%s", head, len(body), body))
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("guest %d: got %s, want a token", i, resp.Status)
		}
	}
	// The first honest guest evicted a slow one. The others used the slot that it released.
	if got := value(t, s, "throng_http_refused_total", metrics.RejectedFull); got <= refused || got > refused+honest {
		t.Errorf("got %v rejected, want more than the first %d", got, refused)
	}
	if got := s.edge.Guests.Bodies.Length(); got > places {
		t.Errorf("got %d in progress, want %d at most", got, places)
	}
}

// An evicted request gets a response with the time to retry.
func TestAnEvictedGuestRequestGets503(t *testing.T) {
	t.Parallel()
	s := startPrepared(t, nil, func(s *Server) { s.edge.Guests.Bodies, s.edge.Guests.Timeout = limiter.NewSlots(1, false), testTimeout })
	slow := slowGuest(t, s, "127.0.0.1")
	eventually(t, "the slow body to arrive", func() bool { return s.edge.Guests.Bodies.Length() == 1 })
	guest(t, s, "Ann", "")
	resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !resp.Close {
		t.Errorf("got %s, Retry-After %q, close %v; want 503 with Retry-After, then the end", resp.Status, resp.Header.Get("Retry-After"), resp.Close)
	}
	eventually(t, "the slots to be free", func() bool { return s.edge.Guests.Bodies.Length() == 0 })
}

// slowGuest sends the beginning of a request from an address.
func slowGuest(t *testing.T, s *Server, ip string) net.Conn {
	t.Helper()
	return sendFrom(t, s, ip, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\n{", edge.GuestPath, s.Addr()))
}
