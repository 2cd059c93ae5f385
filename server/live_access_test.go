package server

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/ws"
)

// adminRequest sends a request to the admin port, with headers as pairs, and returns the status and the body.
func adminRequest(t *testing.T, s *Server, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	port := s.AdminAddr().String()
	req, err := http.NewRequest(method, "http://127.0.0.1"+port[strings.LastIndex(port, ":"):]+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

const operatorPassword = "a-password-of-some-length"

// basic returns the headers of an operator.
func basic(user, password string) []string {
	req, err := http.NewRequest("GET", "/", nil)
	if err != nil {
		panic(err)
	}
	req.SetBasicAuth(user, password)
	return []string{"Authorization", req.Header.Get("Authorization"), "Content-Type", "application/json"}
}

func TestOnlyOperatorsUseTheLivePage(t *testing.T) {
	t.Parallel()
	const everywhere = "0.0.0.0:0"
	right, wrong, none := basic("ops", operatorPassword), basic("ops", "another-password-of-it"), []string{"Content-Type", "application/json"}
	live := []struct{ method, path string }{
		{"GET", "/"}, {"GET", "/live.js"}, {"GET", "/live?once"}, {"GET", "/live/history"}, {"GET", "/live/doctor"}, {"POST", "/live/api/info"}, {"GET", "/export"},
	}
	older := []struct{ method, path string }{
		{"GET", "/connections"}, {"DELETE", "/connections/77"}, {"POST", "/-/reload"}, {"GET", "/debug/pprof/cmdline"},
	}
	open := []struct{ method, path string }{{"GET", "/metrics"}, {"GET", "/healthz"}, {"GET", "/readyz"}}
	for _, tt := range []struct {
		name, admin, password string
		headers               []string
		live, older           int // the status of a rejection; 0 for none
	}{
		{"this machine", "127.0.0.1:0", "", none, 0, 0},
		{"this machine, with a password", "127.0.0.1:0", operatorPassword, none, 401, 401},
		{"this machine, with the password", "127.0.0.1:0", operatorPassword, right, 0, 0},
		{"the network", everywhere, "", none, 403, 0},
		{"the network, without the password", everywhere, operatorPassword, none, 401, 401},
		{"the network, with another password", everywhere, operatorPassword, wrong, 401, 401},
		{"the network, with the password", everywhere, operatorPassword, right, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, func(c *Config) { c.Admin, c.Live.Password = tt.admin, tt.password })
			rejected := 0
			check := func(paths []struct{ method, path string }, want int) {
				for _, p := range paths {
					got, body := adminRequest(t, s, p.method, p.path, "{}", tt.headers...)
					if want == 0 && (got == 401 || got == 403) || want != 0 && got != want {
						t.Errorf("%s %s: got %d %q, want %d", p.method, p.path, got, body, want)
					}
					if want != 0 {
						rejected++
					}
				}
			}
			check(live, tt.live)
			check(older, tt.older)
			check(open, 0)
			if got := value(t, s, "throng_http_refused_total", metrics.RejectedPassword); int(got) != rejected {
				t.Errorf("got %v counted, want %d", got, rejected)
			}
			if got, _ := adminRequest(t, s, "POST", "/-/drain", "", tt.headers...); tt.live != 0 && got != tt.live {
				t.Errorf("drain: got %d, want %d", got, tt.live)
			}
			if drained := s.isDrained(); drained != (tt.live == 0) {
				t.Errorf("got drained = %t", drained)
			}
		})
	}
}

// isDrained reports whether an operator has begun a graceful stop.
func (s *Server) isDrained() bool {
	select {
	case <-s.drained.made:
		return true
	default:
		return false
	}
}

// A page of another site cannot act, although the browser of an operator reaches the port: neither by fetch nor by a form.
func TestPagesOfOtherSitesCannotAct(t *testing.T) {
	t.Parallel()
	s := startServer(t, withSecret)
	for _, tt := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"fetch", []string{"Content-Type", "application/json", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
		{"an older browser", []string{"Content-Type", "application/json", "Origin", "https://evil.example"}, 403},
		{"a page on another port", []string{"Content-Type", "application/json", "Sec-Fetch-Site", "same-site"}, 403},
		{"a form without Origin", []string{"Content-Type", "text/plain"}, 415},
		{"no type", nil, 415},
	} {
		for _, path := range []string{"/live/api/ban", "/-/drain"} {
			if got, body := adminRequest(t, s, "POST", path, `{"user":"ann"}`, tt.headers...); got != tt.want {
				t.Errorf("%s, %s: got %d %q, want %d", tt.name, path, got, body, tt.want)
			}
		}
	}
	if got, _ := adminRequest(t, s, "GET", "/live/api/ban", ""); got != http.StatusMethodNotAllowed {
		t.Errorf("GET: got %d, want 405", got)
	}
	if bans := s.sessions.Moderation.ActiveSanctions("", "").Bans; len(bans) > 0 || s.isDrained() {
		t.Errorf("got %v and drained = %t, want no effect", bans, s.isDrained())
	}
}

// An operator needs no API key, and what it does is in the audit log with its name.
func TestWhatOperatorsDoIsAudited(t *testing.T) {
	t.Parallel()
	s, lines, text := startAudited(t)
	s.mustChange(t, func(c *Config) { c.Live.Password = operatorPassword })
	headers := basic("kim", operatorPassword)
	for _, tt := range []struct{ method, params string }{
		{"publish", `{"channel":"h:1","data":{"text":"HUSH"}}`},
		{"broadcast", `{"channels":["h:1","h:2"],"data":{"text":"HUSH"}}`},
		{"ban", `{"user":"ann","channel":"h:1","seconds":60}`},
		{"redact", `{"channel":"h:1","offset":1}`},
		{"info", `{}`},
		{"kick", `{}`},
	} {
		got, body := adminRequest(t, s.Server, "POST", "/live/api/"+tt.method, tt.params, headers...)
		if got != http.StatusOK || strings.Contains(body, `"error"`) != (tt.method == "kick") {
			t.Errorf("%s: got %d %s", tt.method, got, body)
		}
	}
	all := lines(7) // with the start and the reload
	for i, action := range []string{"publish", "broadcast", "ban", "redact", "kick"} {
		line := all[i+2]
		if line["action"] != action || line["actor_type"] != "admin" || line["actor"] != "kim" || line["address"] == nil || (line["result"] == "done") != (action != "kick") {
			t.Errorf("got %v, want %s by kim", line, action)
		}
	}
	if all[2]["room"] != "h:1" || fmt.Sprint(all[3]["rooms"]) != "[h:1 h:2]" || all[4]["user"] != "ann" {
		t.Errorf("got %v, want the rooms and the user", all[2:5])
	}
	if strings.Contains(text(), "HUSH") || strings.Contains(text(), operatorPassword) {
		t.Error("the audit log has the text of a message, or the password")
	}
	if got := s.sessions.Moderation.ActiveSanctions("ann", "").Bans; len(got) != 1 {
		t.Errorf("got %v, want one ban", got)
	}
	if got, body := adminRequest(t, s.Server, "POST", "/live/api/nothing", "{}", headers...); got != http.StatusNotFound || !strings.Contains(body, "104") {
		t.Errorf("unknown method: got %d %s", got, body)
	}
}

// A drain is a graceful stop: Run returns nil, and clients get the close frame of a restart.
func TestAnOperatorDrainsTheServer(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	s := startPrepared(t, nil, func(s *Server) { s.Stopping = func() { close(stopping) } })
	c := dial(t, s, "lobby")
	if got, body := adminRequest(t, s, "POST", "/-/drain", "", "Content-Type", "application/json"); got != http.StatusAccepted {
		t.Fatalf("got %d %s, want 202", got, body)
	}
	c.expectCloseCode(ws.CloseRestart)
	select {
	case <-stopping:
	case <-time.After(testTimeout):
		t.Error("Stopping was not called")
	}
	s.Drain(audit.Actor{}) // a second drain has no effect
}
