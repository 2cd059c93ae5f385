package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTheAPIRequiresItsKey(t *testing.T) {
	s := startAPI(t)
	for name, header := range map[string][]string{
		"none":          nil,
		"wrong":         {"X-API-Key", "no"},
		"empty":         {"X-API-Key", ""},
		"longer":        {"X-API-Key", s.cfg.API.Key + "x"},
		"other scheme":  {"Authorization", "Bearer " + s.cfg.API.Key},
		"scheme alone":  {"Authorization", "apikey"},
		"right and not": {"X-API-Key", "no", "Authorization", "apikey " + s.cfg.API.Key},
	} {
		if status, body := post(t, s, "/api/info", "{}", header...); status != http.StatusUnauthorized || !strings.Contains(body, `"code":101`) {
			t.Errorf("%s: got %d %s, want 401", name, status, body)
		}
	}
	for path, header := range map[string][]string{
		"/api/info":                          {"X-API-Key", s.cfg.API.Key},
		"/api/info?x=1":                      {"Authorization", "apikey " + s.cfg.API.Key},
		"/api/info?api_key=" + s.cfg.API.Key: nil,
	} {
		if status, body := post(t, s, path, "{}", header...); status != http.StatusOK || !strings.Contains(body, `"nodes":[{`) {
			t.Errorf("%s: got %d %s, want 200", path, status, body)
		}
	}
}

func TestTheAPIIsOffWithoutAKey(t *testing.T) {
	t.Parallel()
	s := startBackend(t)
	if status, body := post(t, s, "/api/info", "", "X-API-Key", ""); status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		t.Fatalf("got %d %s, want no API", status, body)
	}
}

func TestTheAPICanBeOnTheAdminPortOnly(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.API.Key, c.API.On = "0123456789abcdef", "admin" })
	if status, body := post(t, s, "/api/info", "{}", "X-API-Key", s.cfg.API.Key); status == http.StatusOK {
		t.Errorf("got %s on the public port", body)
	}
	resp, err := http.Post("http://"+s.AdminAddr().String()+"/api/info?api_key="+s.cfg.API.Key, "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got %s on the admin port, want 200", resp.Status)
	}
}

func TestInvalidAPIRequestsAreRejected(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	key := []string{"X-API-Key", s.cfg.API.Key}
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/api/publish", `{"channel":`, http.StatusBadRequest},
		{"/api/publish", "\xff", http.StatusBadRequest},
		{"/api/nothing", `{}`, http.StatusNotFound},
		{"/api/publish/", `{}`, http.StatusNotFound},
		{"/api", `{}`, http.StatusNotFound},
		{"/api", `[]`, http.StatusBadRequest},
		{"/api", `{"method":"info"}`, http.StatusOK},
		{"/api/", `{"method":"presence_stats","params":{"channel":"x"}}`, http.StatusOK},
		{"/api/publish", `{"channel":"x","data":"` + strings.Repeat("x", 1<<20) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		if status, body := post(t, s, c.path, c.body, key...); status != c.status {
			t.Errorf("%s %.40s: got %d %s, want %d", c.path, c.body, status, body, c.status)
		}
	}
	resp, err := publicHTTP.Get("http://" + s.Addr().String() + "/api/info?api_key=" + s.cfg.API.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: got %s, Allow %q", resp.Status, resp.Header.Get("Allow"))
	}
	if n := value(t, s, "throng_api_requests_total", "104"); n != 3 {
		t.Errorf("got %v requests counted with code 104, want 3", n)
	}
}

// The server does not read the body of a request without the API key.
func TestABodyWithoutTheAPIKeyIsNotRead(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	conn, err := dialPublic(&net.Dialer{}, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /api/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{")
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 401 ") {
		t.Fatalf("got %.100q, %v; want 401 and the end", answer, err)
	}
}

// The body of a request with the API key has a timeout.
func TestAnAPIBodyHasATimeout(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	resp, body := ask(t, s.Addr().String(), "POST /api/publish HTTP/1.1\r\nHost: localhost\r\nX-API-Key: "+s.cfg.API.Key+"\r\nContent-Length: 1000\r\n\r\n{")
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "timeout") {
		t.Fatalf("got %s %s, want 400 about the timeout", resp.Status, body)
	}
}

func TestTransportErrorModeSetsTheStatus(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	for _, c := range []struct {
		method, params string
		status, code   int
	}{
		{"publish", `{"channel":""}`, http.StatusBadRequest, 107},
		{"history", `{"channel":"x"}`, http.StatusBadRequest, 108},
		{"history", `{"channel":"h:1","since":{"offset":1,"epoch":"no"}}`, http.StatusRequestedRangeNotSatisfiable, 112},
	} {
		wantCall(t, s, "publish", `{"channel":"h:1","data":1,"idempotency_key":"1"}`, call(t, s, "publish", `{"channel":"h:1","data":1,"idempotency_key":"1"}`))
		status, body := post(t, s, "/api/"+c.method, c.params, "X-API-Key", s.cfg.API.Key, "X-Centrifugo-Error-Mode", "transport")
		if status != c.status || !strings.HasPrefix(body, fmt.Sprintf(`{"code":%d,"message":"`, c.code)) {
			t.Errorf("%s %s: got %d %s, want %d and error %d alone", c.method, c.params, status, body, c.status, c.code)
		}
	}
}
