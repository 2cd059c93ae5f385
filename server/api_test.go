package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

const testKey = "the key of the tests"

// startAPI runs a server with the API key and the token key of the tests, and the given rooms.
func startAPI(t testing.TB, rooms ...chat.RoomOptions) *Server {
	t.Helper()
	return startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.OtherRooms = chat.RoomsOpen
		c.API.Key = strings.ReplaceAll(testKey, " ", "-")
		c.Rooms = rooms
	})
}

// roomWithHistory returns the default options of a room, with a history.
func roomWithHistory(pattern string) chat.RoomOptions {
	o := chat.DefaultRoom()
	o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery = pattern, 100, time.Hour, true
	return o
}

// call calls a method of the server API and returns the response. It checks the response with the schema of openapi.json.
func call(t testing.TB, s *Server, method, params string) string {
	t.Helper()
	status, body := post(t, s, "/api/"+method, params, "X-API-Key", s.cfg.API.Key)
	if status != http.StatusOK {
		t.Fatalf("%s %s: got status %d %s", method, params, status, body)
	}
	checkSchema(t, method, "Answer", body)
	if params != "" && !strings.Contains(body, `{"error":`) {
		checkSchema(t, method, "Request", params)
	}
	return body
}

// wantCall fails the test unless the response is exactly answer.
func wantCall(t testing.TB, s *Server, method, params, answer string) {
	t.Helper()
	if got := call(t, s, method, params); got != answer {
		t.Fatalf("%s %s\ngot  %s\nwant %s", method, params, got, answer)
	}
}

// wantError fails the test unless the response is an error with this code and text.
func wantError(t testing.TB, s *Server, method, params string, code int, text string) {
	t.Helper()
	var got struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body := call(t, s, method, params)
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Error.Code != code || !strings.Contains(got.Error.Message, text) {
		t.Fatalf("%s %s: got %s, want error %d that says %q", method, params, body, code, text)
	}
}

func post(t testing.TB, s *Server, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := publicHTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

// enter subscribes to a room and returns the reply.
func (c *sdk) enter(room string) string {
	c.t.Helper()
	c.sendLine(`{"id":2,"subscribe":{"channel":%q}}`, room)
	line := c.line()
	if !strings.HasPrefix(line, `{"id":2,"subscribe":`) {
		c.t.Fatalf("got %s, want a subscription to %q", line, room)
	}
	return line
}

// clientOf returns the client ID of the only connection of a user.
func clientOf(t testing.TB, s *Server, user string) string {
	t.Helper()
	sessions := sessionsOf(s, user)
	if len(sessions) != 1 {
		t.Fatalf("got %d connections of %q, want 1", len(sessions), user)
	}
	return sessions[0].Client
}

func tokenOf(name string) string { return signed(map[string]any{"sub": name}) }

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

func TestPublish(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	wantCall(t, s, "publish", `{"channel":"lobby","data":1}`, `{"result":{}}`)
	a, plain := connectSDK(t, s, tokenOf("ann")), dial(t, s, "h:1")
	a.enter("h:1")

	first := call(t, s, "publish", `{"channel":"h:1","data":{"t":"<b>"},"tags":{"k":"v"}}`)
	if !strings.HasPrefix(first, `{"result":{"offset":1,"epoch":"`) {
		t.Fatalf("got %s, want offset 1", first)
	}
	a.expectLine(`{"push":{"channel":"h:1","pub":{"data":{"t":"<b>"},"offset":1,"tags":{"k":"v"}}}}`)
	plain.expect(ws.OpText, `{"t":"<b>"}`)

	wantCall(t, s, "publish", `{"channel":"h:1","data":"gone","skip_history":true}`, `{"result":{}}`)
	a.expectLine(`{"push":{"channel":"h:1","pub":{"data":"gone"}}}`)
	plain.expect(ws.OpText, "gone")

	// With an idempotency key, a repeated call publishes once and gets the same response.
	once := call(t, s, "publish", `{"channel":"h:1","b64data":"AP8=","idempotency_key":"k"}`)
	wantCall(t, s, "publish", `{"channel":"h:1","b64data":"AP8=","idempotency_key":"k"}`, once)
	a.expectLine(`{"push":{"channel":"h:1","pub":{"data":"AP8=","offset":2}}}`)
	plain.expect(ws.OpBinary, "\x00\xff")
	wantCall(t, s, "publish", `{"channel":"h:1","data":"end","skip_history":true}`, `{"result":{}}`)
	plain.expect(ws.OpText, "end")

	for params, text := range map[string]string{
		`{"data":1}`:                    "channel",
		`{"channel":"x"}`:               "data",
		`{"channel":"x","b64data":"!"}`: "b64data",

		`{"channel":"x","data":1,"b64data":"AP8="}`:                                        "data and b64data: want one of them, not both",
		`{"channel":"x\u0000","data":1}`:                                                   "channel",
		`{"channel":5,"data":1}`:                                                           "channel",
		`{"channel":"x","data":1,"idempotency_key":"` + strings.Repeat("k", 200) + `"}`:    "idempotency_key",
		`{"channel":"x","data":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`: "deep",
		`{"channel":"x","data":1,"tags":{"k":1}}`:                                          "tags",
		`[]`:  "data", // PHP's empty object
		`[1]`: "array",
	} {
		wantError(t, s, "publish", params, 107, text)
	}
	wantError(t, s, "publish", `{"channel":"x","data":"`+strings.Repeat("x", 65<<10)+`"}`, 106, "max-message")
	wantError(t, s, "publish", `{"channel":"x","data":1,"tags":{"k":"`+strings.Repeat("x", 65<<10)+`"}}`, 106, "max-message")
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("one")
	wantCall(t, s, "broadcast", `{"channels":["one","","two"],"data":"x"}`,
		`{"result":{"responses":[{"result":{}},{"error":{"code":107,"message":"bad request: channel: want 1 to 255 bytes of UTF-8 without control or invisible characters"}},{"result":{}}]}}`)
	a.expectLine(`{"push":{"channel":"one","pub":{"data":"x"}}}`)
	if got := call(t, s, "broadcast", `{"channels":["h:1","h:1"],"data":"x"}`); !strings.Contains(got, `{"result":{"offset":1,`) || !strings.Contains(got, `{"result":{"offset":2,`) {
		t.Errorf("got %s, want offsets 1 and 2", got)
	}
	wantError(t, s, "broadcast", `{"channels":[],"data":1}`, 107, "channels")
	wantError(t, s, "broadcast", `{"channels":["one"],"data":1,"b64data":"Mg=="}`, 107, "not both")
}

// A broadcast stops when its caller disconnects.
func TestABroadcastEndsWithItsCaller(t *testing.T) {
	s := startAPI(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, e := s.api.Do(gone, "broadcast", []byte(`{"channels":["a","b"],"data":1}`))
	if e != session.ErrTimeout {
		t.Errorf("got %v, want an error", e)
	}
	if got := value(t, s, "throng_messages_total", ""); got != 0 {
		t.Errorf("got %v messages, want none", got)
	}
}

func TestSubscribeAndUnsubscribe(t *testing.T) {
	t.Parallel()
	closed := roomWithHistory("closed")
	closed.Subscribe, closed.JoinLeave = chat.Nobody, true
	s := startAPI(t, closed)
	a := connectSDK(t, s, tokenOf("ann"))
	client := clientOf(t, s, "ann")
	wantCall(t, s, "subscribe", `{"user":"nobody","channel":"closed"}`, `{"result":{}}`)
	wantCall(t, s, "subscribe", `{"user":"ann","client":"other","channel":"closed"}`, `{"result":{}}`)
	call(t, s, "publish", `{"channel":"closed","data":"before"}`)
	wantCall(t, s, "subscribe", `{"user":"ann","channel":"closed","info":{"role":"op"},"data":"hi"}`, `{"result":{}}`)
	sub := a.line()
	epoch := string(epochOf(s.sessions.Hub, "closed"))
	if want := `{"push":{"channel":"closed","subscribe":{"recoverable":true,"epoch":"` + epoch + `","offset":1,"positioned":true,"data":"hi"}}}`; sub != want {
		t.Fatalf("got  %s\nwant %s", sub, want)
	}
	a.expectLine(`{"push":{"channel":"closed","join":{"info":{"user":"ann","client":"` + client + `","chan_info":{"role":"op"}}}}}`)
	wantCall(t, s, "subscribe", `{"user":"ann","channel":"closed"}`, `{"result":{}}`) // already subscribed: no effect
	wantCall(t, s, "presence", `{"channel":"closed"}`,
		`{"result":{"presence":{"`+client+`":{"user":"ann","client":"`+client+`","chan_info":{"role":"op"}}}}}`)
	wantCall(t, s, "unsubscribe", `{"user":"ann","channel":"closed"}`, `{"result":{}}`)
	a.expectLine(`{"push":{"channel":"closed","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}`)
	wantCall(t, s, "presence", `{"channel":"closed"}`, `{"result":{"presence":{}}}`)
	wantCall(t, s, "unsubscribe", `{"client":"`+client+`","channel":"closed"}`, `{"result":{}}`) // no effect

	// Only one connection, with recovery.
	wantCall(t, s, "subscribe", `{"client":"`+client+`","channel":"closed","recover_since":{"offset":0,"epoch":"`+epoch+`"}}`, `{"result":{}}`)
	if line := a.line(); !strings.Contains(line, `"subscribe":{"recoverable":true,`) || strings.Contains(line, `"offset"`) {
		t.Fatalf("got %s, want offset 0 at the beginning", line)
	}
	a.expectLine(`{"push":{"channel":"closed","pub":{"data":"before","offset":1}}}`)
	if line := a.line(); !strings.Contains(line, `"join"`) {
		t.Fatalf("got %s, want its join", line)
	}
	call(t, s, "publish", `{"channel":"closed","data":"after"}`)
	a.expectLine(`{"push":{"channel":"closed","pub":{"data":"after","offset":2}}}`)

	wantError(t, s, "subscribe", `{"channel":"closed"}`, 107, "user or client")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"closed","data":1,"b64data":"Mg=="}`, 107, "data and b64data")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"closed","info":1,"b64info":"Mg=="}`, 107, "info and b64info")
	wantError(t, s, "subscribe", `{"user":"ann"}`, 107, "channel")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x","expire_at":5}`, 107, "past")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x","expire_at":4102444800000}`, 107, "milliseconds")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x","b64info":"!"}`, 107, "b64info")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x","session":"s"}`, 107, "session")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x","override":{"presence":{"value":true}}}`, 107, "override")
}

func TestSubscribeStopsAtTheLimits(t *testing.T) {
	t.Parallel()
	small := chat.DefaultRoom()
	small.Pattern, small.MaxMembers = "small", 1
	s := startServer(t, func(c *Config) {
		c.Token.HMACSecret, c.API.Key, c.Rooms, c.MaxRooms = testSecret, "0123456789abcdef", []chat.RoomOptions{small}, 1
	})
	a, b := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
	a.enter("small")
	wantError(t, s, "subscribe", `{"user":"ann","channel":"x"}`, 106, "max-rooms")
	wantError(t, s, "subscribe", `{"user":"bob","channel":"small"}`, 106, "limit")
	// The next line is the reply to bob's command, so no push came before it.
	b.sendLine(`{"id":7,"subscribe":{"channel":"small"}}`)
	b.expectLine(`{"id":7,"error":{"code":106,"message":"limit exceeded"}}`)
	b.enter("x")
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	for params, code := range map[string]ws.CloseCode{
		`{"user":"ann"}`: 3503,
		`{"user":"ann","disconnect":{"code":4001}}`:               4001,
		`{"user":"ann","disconnect":{"code":4999,"reason":"go"}}`: 4999,
	} {
		a, b := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
		wantCall(t, s, "disconnect", params, `{"result":{}}`)
		a.expectCloseCode(code)
		b.enter("x") // other connections are not affected
	}
	a := connectSDK(t, s, tokenOf("cid"))
	client := clientOf(t, s, "cid")
	wantCall(t, s, "disconnect", `{"user":"cid","whitelist":["`+client+`"]}`, `{"result":{}}`)
	wantCall(t, s, "disconnect", `{"user":"dan","client":"`+client+`"}`, `{"result":{}}`)
	a.enter("x")
	wantCall(t, s, "disconnect", `{"client":"`+client+`"}`, `{"result":{}}`)
	a.expectCloseCode(3503)
	wantError(t, s, "disconnect", `{}`, 107, "user or client")
	for _, code := range []int{1000, 3503, 3999, 5000, -1} {
		wantError(t, s, "disconnect", fmt.Sprintf(`{"user":"ann","disconnect":{"code":%d}}`, code), 107, "disconnect.code")
	}
	wantError(t, s, "disconnect", `{"user":"ann","disconnect":{"code":4000,"reason":"{}"}}`, 107, "disconnect.reason")
	wantError(t, s, "disconnect", `{"user":"ann","disconnect":{"reason":"`+strings.Repeat("x", 124)+`"}}`, 107, "disconnect.reason")
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a := connectSDK(t, s, tokenOf("ann"))
	wantCall(t, s, "refresh", fmt.Sprintf(`{"user":"ann","expire_at":%d}`, time.Now().Unix()+1000), `{"result":{}}`)
	if line := a.line(); !strings.HasPrefix(line, `{"push":{"refresh":{"expires":true,"ttl":`) {
		t.Fatalf("got %s, want the time of the expiry", line)
	}
	wantCall(t, s, "refresh", `{"user":"ann"}`, `{"result":{}}`)
	a.expectLine(`{"push":{"refresh":{}}}`)
	wantCall(t, s, "refresh", `{"user":"ann","expired":true}`, `{"result":{}}`)
	a.expectCloseCode(3005)
	wantError(t, s, "refresh", `{"user":"ann","expire_at":1}`, 107, "past")
}

// times matches the times of publications.
var times = regexp.MustCompile(`,"time":[0-9]{13}`)

func TestPresenceAndHistory(t *testing.T) {
	t.Parallel()
	dark := roomWithHistory("dark")
	dark.Presence = false
	s := startAPI(t, dark, roomWithHistory("h:*"))
	wantCall(t, s, "presence", `{"channel":"h:1"}`, `{"result":{"presence":{}}}`)
	wantCall(t, s, "presence_stats", `{"channel":"h:1"}`, `{"result":{"num_clients":0,"num_users":0}}`)
	began := field(t, call(t, s, "history", `{"channel":"h:1"}`), "epoch") // before the first member
	wantCall(t, s, "history", `{"channel":"h:1"}`, `{"result":{"epoch":"`+began+`","offset":0,"publications":[]}}`)
	for range 2 {
		connectSDK(t, s, tokenOf("ann")).enter("h:1")
	}
	connectSDK(t, s, "").enter("h:1")
	wantCall(t, s, "presence_stats", `{"channel":"h:1"}`, `{"result":{"num_clients":3,"num_users":2}}`)
	for i := range 3 {
		call(t, s, "publish", fmt.Sprintf(`{"channel":"h:1","data":%d}`, i+1))
	}
	epoch := epochOf(s.sessions.Hub, "h:1")
	if began != epoch {
		t.Errorf("the empty history has epoch %q, the later publications have %q", began, epoch)
	}
	page := func(params, pubs string) {
		t.Helper()
		got := call(t, s, "history", `{"channel":"h:1"`+params+`}`)
		if n := len(times.FindAllString(got, -1)); n != strings.Count(got, `"data"`) {
			t.Errorf("got %s, want the time of each publication", got)
		}
		if want := `{"result":{"epoch":"` + epoch + `","offset":3,"publications":[` + pubs + `]}}`; times.ReplaceAllString(got, "") != want {
			t.Errorf("%s\ngot  %s\nwant %s and times", params, got, want)
		}
	}
	page(``, ``)
	page(`,"limit":1`, `{"data":1,"offset":1}`)
	page(`,"limit":1,"reverse":true`, `{"data":3,"offset":3}`)
	page(`,"limit":-1,"since":{"offset":1,"epoch":"`+epoch+`"}`, `{"data":2,"offset":2},{"data":3,"offset":3}`)
	wantError(t, s, "history", `{"channel":"h:1","since":{"offset":1,"epoch":"other"}}`, 112, "unrecoverable")
	wantCall(t, s, "history_remove", `{"channel":"h:1"}`, `{"result":{}}`)
	page(`,"limit":-1`, ``)
	wantError(t, s, "history", `{"channel":"x"}`, 108, "not available: history is off in this channel: set history-size")
	wantError(t, s, "history_remove", `{"channel":"x"}`, 108, "not available: history is off in this channel: set history-size")
	wantError(t, s, "presence", `{"channel":"dark"}`, 108, "not available: presence is off in this channel: set presence")
	wantError(t, s, "presence_stats", `{"channel":"dark"}`, 108, "not available")
}

func TestChannelsAndInfo(t *testing.T) {
	t.Parallel()
	s := startAPI(t, roomWithHistory("h:*"))
	wantCall(t, s, "channels", `{}`, `{"result":{"channels":{}}}`)
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("chat/1")
	a.enter("chat:2")
	dial(t, s, "chat:2")
	call(t, s, "publish", `{"channel":"h:1","data":1}`) // a history and no member
	wantCall(t, s, "channels", ``, `{"result":{"channels":{"chat/1":{"num_clients":1},"chat:2":{"num_clients":2}}}}`)
	wantCall(t, s, "channels", `{"pattern":"c*1"}`, `{"result":{"channels":{"chat/1":{"num_clients":1}}}}`)
	wantCall(t, s, "channels", `{"pattern":"chat[:/]?"}`, `{"result":{"channels":{"chat/1":{"num_clients":1},"chat:2":{"num_clients":2}}}}`)
	wantCall(t, s, "channels", `{"pattern":"x*"}`, `{"result":{"channels":{}}}`)
	wantError(t, s, "channels", `{"pattern":"[a"}`, 107, "pattern")
	wantError(t, s, "channels", `{"pattern":"{a,b}"}`, 107, "braces")
	if got := call(t, s, "info", ``); !strings.Contains(got, `"num_clients":2,"num_users":1,"num_subs":3,"num_channels":2,`) {
		t.Errorf("got %s", got)
	}
}

func TestInfoHasTheVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"1.2.3": "1.2.3", "": "throng"} {
		s := startServer(t, func(c *Config) { c.Version, c.API.Key = version, strings.ReplaceAll(testKey, " ", "-") })
		if got := call(t, s, "info", ``); !strings.Contains(got, `"version":"`+want+`"`) {
			t.Errorf("got %s, want version %s", got, want)
		}
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("x")
	wantCall(t, s, "batch", `{"parallel":true,"commands":[{"publish":{"channel":"x","data":1}},{"publish":{"channel":"x"}},{"publish":{"channel":"x","data":1,"b64data":"Mg=="}},{"nothing":{}},{"batch":{}},{},{"presence_stats":{"channel":"x"}}]}`,
		`{"replies":[{"publish":{}},`+
			`{"error":{"code":107,"message":"bad request: data or b64data: want one of them"}},`+
			`{"error":{"code":107,"message":"bad request: data and b64data: want one of them, not both"}},`+
			`{"error":{"code":104,"message":"method not found: \"nothing\"; no similar name"}},`+
			`{"error":{"code":107,"message":"bad request: want no batch in a batch"}},`+
			`{"error":{"code":107,"message":"bad request: want a command of one method and its parameters: {\"publish\":{}}"}},`+
			`{"presence_stats":{"num_clients":1,"num_users":1}}]}`)
	a.expectLine(`{"push":{"channel":"x","pub":{"data":1}}}`)
	wantCall(t, s, "batch", `{"commands":[]}`, `{"replies":[]}`)
}

// epochOf returns the epoch of the history of a room.
func epochOf(h *chat.Hub, room string) string {
	r, unlock := h.Rooms.Find(room)
	defer unlock()
	return r.History.Epoch
}

// An API publish waits for a room over its backlog limit, as its publishers do, but not longer than a timeout.
func TestPublishWaitsForARoomOverItsBacklog(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	a := connectSDK(t, s, tokenOf("ann"))
	a.enter("x")
	r := roomOf(s, "x")
	r.Backlog.Add(r.Limit + 1)
	const params = `{"channel":"x","data":1}`
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, e := s.api.Call(ctx, "publish", []byte(params)); e == nil || e.Code != 111 {
		t.Fatalf("got %v, want error 111", e)
	}
	answered := make(chan string, 1)
	go func() {
		_, body := post(t, s, "/api/publish", params, "X-API-Key", s.cfg.API.Key)
		answered <- body
	}()
	select {
	case body := <-answered:
		t.Fatalf("got %s while the room is over its backlog limit", body)
	case <-time.After(50 * time.Millisecond): // a negative check: a longer wait could only find more errors
	}
	r.Backlog.Add(-r.Limit - 1)
	if body := <-answered; body != `{"result":{}}` {
		t.Fatalf("got %s", body)
	}
	a.expectLine(`{"push":{"channel":"x","pub":{"data":1}}}`)
}

// A busy poller cannot delay a call for longer than the timeout of the call.
func TestAnAPICallHasATimeoutForTheLoop(t *testing.T) {
	t.Parallel()
	s := startAPI(t)
	connectSDK(t, s, tokenOf("ann"))
	held, release := make(chan struct{}), make(chan struct{})
	sessionsOf(s, "ann")[0].Poller.Post(func() { close(held); <-release })
	<-held
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, e := s.api.Call(ctx, "subscribe", []byte(`{"user":"ann","channel":"x"}`)); e != session.ErrTimeout {
		t.Fatalf("got %v, want %v", e, session.ErrTimeout)
	}
}
