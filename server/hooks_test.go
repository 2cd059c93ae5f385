package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/centrifugal/protocol"
	"github.com/prometheus/client_golang/prometheus/testutil"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/webhook"
	"github.com/throng-chat/throng/server/ws"
)

const hookSecret = "another-secret-of-the-tests-long-enough"

// application is the webhook of an application: a real HTTP server that verifies the signature of each request.
type application struct {
	*httptest.Server
	t       testing.TB
	answers map[string]func(question) string // by event; hang is closed at the end of the test
	hang    chan struct{}

	mu    sync.Mutex
	heard []question
}

// question is a webhook request as the application reads it.
type question struct {
	Event, Client, Transport, Protocol, Encoding, User, Channel, Method, Token, Name, Version, B64Data, Reason string

	Channels   []string
	Data, Meta json.RawMessage
	Code       int
	Seconds    float64
}

func startApplication(t testing.TB, answers map[string]func(question) string) *application {
	a := &application{t: t, answers: answers, hang: make(chan struct{})}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	t.Cleanup(func() { close(a.hang) }) // before Close, which waits for requests
	return a
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	verifier, err := standard.NewWebhookRaw([]byte(hookSecret))
	if err == nil {
		err = verifier.Verify(body, r.Header)
	}
	var q question
	if err == nil {
		err = json.Unmarshal(body, &q)
	}
	if err != nil {
		a.t.Errorf("%s: %v", body, err)
	}
	a.mu.Lock()
	a.heard = append(a.heard, q)
	a.mu.Unlock()
	if answer := a.answers[q.Event]; answer != nil {
		io.WriteString(w, answer(q))
	}
}

// of returns the requests for an event.
func (a *application) of(event string) (all []question) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.heard {
		if q.Event == event {
			all = append(all, q)
		}
	}
	return all
}

// badAnswers returns the number of invalid replies for an event that were counted.
func badAnswers(t testing.TB, s *Server, event string) (n int) {
	t.Helper()
	counted := fmt.Sprintf(`throng_webhook_requests_total{event=%q,result=%q} `, event, webhook.BadReply)
	text := scrape(t, s)
	_, rest, found := strings.Cut(text, counted)
	if _, err := fmt.Sscan(rest, &n); !found || err != nil {
		t.Fatalf("no metric %s (%v)", counted, err)
	}
	return n
}

func always(answer string) func(question) string { return func(question) string { return answer } }

// startHooked runs a server with a webhook for the events that the application has replies for, and for disconnect.
func startHooked(t testing.TB, a *application, change func(*Config)) *Server {
	t.Helper()
	return startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.OtherRooms = chat.RoomsOpen
		c.Webhooks.URL, c.Webhooks.Secret, c.Webhooks.Timeout = a.URL, hookSecret, 30*time.Second
		c.Webhooks.Events = []string{session.OnDisconnect}
		for event := range a.answers {
			if event != session.OnDisconnect {
				c.Webhooks.Events = append(c.Webhooks.Events, event)
			}
		}
		if change != nil {
			change(c)
		}
	})
}

func TestTheConnectWebhookSetsTheUser(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(
		`{"result":{"user":"ann","info":{"name": "Ann"},"data":{"hello": 1},"channels":["news"],"subs":{"desk":{"data":"here"}},"meta":{"id":7}}}`,
	), session.OnRPC: always(`{"result":{}}`)})
	s := startHooked(t, a, func(c *Config) { c.Guests = "off" })
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"data":{"key":"x"},"name":"js","version":"1"}}`)
	var got struct {
		Connect struct {
			Data    json.RawMessage
			Expires bool
			Subs    map[string]struct{ Data json.RawMessage }
		}
	}
	if line := c.line(); json.Unmarshal([]byte(line), &got) != nil || string(got.Connect.Data) != `{"hello":1}` ||
		len(got.Connect.Subs) != 2 || string(got.Connect.Subs["desk"].Data) != `"here"` || got.Connect.Expires {
		t.Fatalf("got %s", line)
	}
	q := a.of(session.OnConnect)
	if len(q) != 1 || q[0].Client == "" || q[0].Transport != "websocket" || q[0].Protocol != "json" || q[0].Encoding != "json" ||
		string(q[0].Data) != `{"key":"x"}` || q[0].Name != "js" || q[0].Version != "1" || q[0].User != "" {
		t.Fatalf("got %+v", q)
	}
	c.sendLine(`{"id":2,"rpc":{"method":"m"}}`)
	c.line()
	if r := a.of(session.OnRPC); len(r) != 1 || r[0].User != "ann" || string(r[0].Meta) != `{"id":7}` || r[0].Client != q[0].Client {
		t.Errorf("got %+v, want the connected user", r)
	}
	// Other members see the same.
	c.sendLine(`{"id":3,"presence":{"channel":"news"}}`)
	if line := c.line(); !strings.Contains(line, `"user":"ann"`) || !strings.Contains(line, `"conn_info":{"name":"Ann"}`) {
		t.Errorf("got %s", line)
	}
}

// The name of a user has at most the length that a token allows, so the server API can address the user.
func TestTheConnectWebhookHasLimits(t *testing.T) {
	t.Parallel()
	var name atomic.Pointer[string]
	a := startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string {
		return fmt.Sprintf(`{"result":{"user":%q}}`, *name.Load())
	}})
	s := startHooked(t, a, nil)
	connect := func(length int) *sdk {
		text := strings.Repeat("x", length)
		name.Store(&text)
		c := dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{}}`)
		return c
	}
	if line := connect(api.MaxUserName).line(); !strings.HasPrefix(line, `{"id":1,"connect":{"client":`) {
		t.Errorf("%d bytes: got %s, want it connected", api.MaxUserName, line)
	}
	for _, length := range []int{api.MaxUserName + 1, 60_000} {
		connect(length).expectLine(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
	}
	if got := badAnswers(t, s, session.OnConnect); got != 2 {
		t.Errorf("got %v invalid replies counted, want 2", got)
	}
}

// If the webhook replaces the user of a token, a refreshed token keeps the replaced user and its info.
func TestAUserOfTheConnectWebhookRefreshesItsToken(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{
		session.OnConnect: always(`{"result":{"user":"ann@example","meta":{"id":7}}}`),
		session.OnRPC:     always(`{"result":{}}`),
	})
	s := startHooked(t, a, nil)
	token := func(user string) string {
		return signed(map[string]any{"sub": user, "exp": time.Now().Unix() + 1000})
	}
	connect := func(token string) *sdk {
		c := dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{"token":%q}}`, token)
		c.line()
		return c
	}
	c := connect(token("ann"))
	c.sendLine(`{"id":2,"refresh":{"token":%q}}`, token("ann"))
	if line := c.line(); !strings.HasPrefix(line, `{"id":2,"refresh":{"client":`) {
		t.Errorf("got %s", line)
	}
	c.sendLine(`{"id":3,"rpc":{"method":"m"}}`)
	c.line()
	if r := a.of(session.OnRPC); len(r) != 1 || r[0].User != "ann@example" || string(r[0].Meta) != `{"id":7}` {
		t.Errorf("got %+v, want the connected user", r)
	}
	// A token of another user is rejected, also one of the replaced user.
	c.sendLine(`{"id":4,"refresh":{"token":%q}}`, token("ann@example"))
	c.expectCloseCode(3500)
	// Without a token, the user is that of the webhook.
	c = connect("")
	c.sendLine(`{"id":2,"refresh":{"token":%q}}`, token("ann@example"))
	if line := c.line(); !strings.HasPrefix(line, `{"id":2,"refresh":{"client":`) {
		t.Errorf("got %s", line)
	}
	c.sendLine(`{"id":3,"refresh":{"token":%q}}`, token("ann"))
	c.expectCloseCode(3500)
	// A sanction of the user applies to its token.
	c = connect(token("ann"))
	s.sessions.Moderation.Ban("ann@example", "", time.Time{})
	c.sendLine(`{"id":2,"refresh":{"token":%q}}`, token("ann"))
	c.expectCloseCode(3507)
}

func TestTheConnectWebhookRejectsAConnection(t *testing.T) {
	t.Parallel()
	said := `{"error":{"code":1000,"message":"not you"}}`
	a := startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string { return said }})
	s := startHooked(t, a, nil)
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, signed(map[string]any{"sub": "ann", "meta": map[string]int{"id": 1}}))
	c.expectLine(`{"id":1,"error":{"code":1000,"message":"not you"}}`)
	if q := a.of(session.OnConnect); len(q) != 1 || q[0].User != "ann" || string(q[0].Meta) != `{"id":1}` {
		t.Errorf("got %+v, want the claims of the token", q)
	}
	said = `{"disconnect":{"code":4501,"reason":"go away"}}`
	c = dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{}}`)
	c.expectCloseCode(4501)
	// SDKs interpret a reason that is JSON, and a close frame has a short reason only.
	for _, reason := range []string{"false", strings.Repeat("x", api.MaxReason+1)} {
		said = fmt.Sprintf(`{"disconnect":{"code":4000,"reason":%q}}`, reason)
		c = dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{}}`)
		c.expectLine(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
	}
	// Codes below 400 belong to the protocol: an SDK would take 109 for an expired token and request a new one.
	before := badAnswers(t, s, session.OnConnect)
	for _, code := range []int{1, 109, 399} {
		said = fmt.Sprintf(`{"error":{"code":%d,"message":"no","temporary":true}}`, code)
		c = dialSDK(t, s, "")
		c.sendLine(`{"id":1,"connect":{}}`)
		c.expectLine(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
	}
	if got := badAnswers(t, s, session.OnConnect); got != before+3 {
		t.Errorf("got %v invalid replies counted, want 3 more than %v", got, before)
	}
	said = `{"result":{"user":"ann","expire_at":1000000000}}`
	c = dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{}}`)
	c.expectLine(`{"id":1,"error":{"code":109,"message":"token expired"}}`)
	// An invalid token causes no proxy request.
	asked := len(a.of(session.OnConnect))
	c = dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":"x"}}`)
	c.expectCloseCode(3500)
	if got := len(a.of(session.OnConnect)); got != asked {
		t.Errorf("got %d proxy requests, want %d", got, asked)
	}
	if len(sessionsOf(s, "ann")) != 0 || len(a.of(session.OnDisconnect)) != 0 {
		t.Error("a client connected, or a disconnect was sent")
	}
}

func TestTheSubscribeWebhookDecides(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnSubscribe: func(q question) string {
		switch q.Channel {
		case "no":
			return `{"error":{"code":403,"message":"members only"}}`
		case "out":
			return `{"disconnect":{"code":4000,"reason":"come back"}}`
		}
		return `{"result":{"info":{"role":"host"},"data":{"topic":"tea"}}}`
	}})
	s := startHooked(t, a, func(c *Config) {
		closed := chat.DefaultRoom()
		closed.Pattern, closed.Subscribe = "closed", chat.Nobody
		c.Rooms = []chat.RoomOptions{closed}
	})
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	c.sendLine(`{"id":2,"subscribe":{"channel":"yes","data":[1]}}` + "\n" + `{"id":3,"subscribe":{"channel":"no"}}` + "\n" + `{"id":4,"subscribe":{"channel":"closed"}}`)
	c.expectLine(`{"id":2,"subscribe":{"data":{"topic":"tea"}}}`)
	c.expectLine(`{"id":3,"error":{"code":403,"message":"members only"}}`)
	c.expectLine(`{"id":4,"error":{"code":103,"message":"permission denied"}}`)
	if q := a.of(session.OnSubscribe); len(q) != 2 || q[0].User != "ann" || q[0].Channel != "yes" || string(q[0].Data) != "[1]" {
		t.Errorf("got %+v, want two, and none for a closed room", q)
	}
	c.sendLine(`{"id":5,"publish":{"channel":"yes","data":1}}`)
	if line := c.line(); !strings.Contains(line, `"chan_info":{"role":"host"}`) {
		t.Errorf("got %s, want the info of the reply", line)
	}
	c.expectLine(`{"id":5,"publish":{}}`)
	c.sendLine(`{"id":6,"subscribe":{"channel":"out"}}`)
	c.expectCloseCode(4000)
}

// moderated adds a room with publish-proxy.
func moderated(c *Config) {
	o := chat.DefaultRoom()
	o.Pattern, o.PublishProxy, o.HistorySize, o.HistoryTTL = "moderated", true, 10, time.Hour
	c.Rooms = []chat.RoomOptions{o}
}

func TestThePublishWebhookChangesTheData(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnPublish: func(q question) string {
		switch string(q.Data) {
		case `"rude"`:
			return `{"result":{"data":{"text": "***"},"tags":{"by":"filter"}}}`
		case `"secret"`:
			return `{"result":{"skip_history":true}}`
		case `"spam"`:
			return `{"error":{"code":1001,"message":"spam"}}`
		case `"deep"`:
			return `{"result":{"data":` + strings.Repeat("[", session.MaxDepth+1) + strings.Repeat("]", session.MaxDepth+1) + `}}`
		}
		return `{"result":{}}`
	}})
	s := startHooked(t, a, moderated)
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	c.sendLine(`{"id":2,"subscribe":{"channel":"moderated"}}` + "\n" + `{"id":3,"subscribe":{"channel":"free"}}`)
	c.expectLine(`{"id":2,"subscribe":{}}`)
	c.expectLine(`{"id":3,"subscribe":{}}`)
	for i, tt := range []struct{ data, heard, answer string }{
		{`"fine"`, `"data":"fine"`, `"publish":{}`},
		{`"rude"`, `"data":{"text":"***"}`, `"publish":{}`},
		{`"secret"`, `"data":"secret"`, `"publish":{}`},
		{`"spam"`, "", `"error":{"code":1001,"message":"spam"}`},
		{`"deep"`, "", `"error":{"code":100,"message":"internal server error","temporary":true}`},
	} {
		c.sendLine(`{"id":%d,"publish":{"channel":"moderated","data":%s}}`, 10+i, tt.data)
		if tt.heard != "" {
			if line := c.line(); !strings.Contains(line, `"pub":{"data":`+tt.heard[len(`"data":`):]) && !strings.Contains(line, tt.heard) {
				t.Errorf("%s: received %s", tt.data, line)
			}
		}
		c.expectLine(fmt.Sprintf(`{"id":%d,%s}`, 10+i, tt.answer))
	}
	c.sendLine(`{"id":20,"history":{"channel":"moderated","limit":10}}`)
	if line := c.line(); strings.Contains(line, "secret") || strings.Contains(line, "rude") || !strings.Contains(line, `"offset":2`) {
		t.Errorf("got %s, want two publications, one of them changed", line)
	}
	// Other rooms cause no proxy request.
	asked := len(a.of(session.OnPublish))
	c.sendLine(`{"id":21,"publish":{"channel":"free","data":1}}`)
	c.line()
	c.expectLine(`{"id":21,"publish":{}}`)
	if got := len(a.of(session.OnPublish)); got != asked || asked != 5 {
		t.Errorf("got %d proxy requests, and %d before, want 5", got, asked)
	}
}

// A plain client cannot receive an error reply, so it may not publish in a room with publish-proxy.
func TestAPlainClientMayNotPublishWithAPublishProxy(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnPublish: always(`{"result":{}}`)})
	s := startHooked(t, a, moderated)
	c := dial(t, s, "moderated")
	c.send(ws.OpText, "rude")
	c.expectCloseCode(ws.ClosePolicy)
	eventually(t, "the close to be counted", func() bool { return closesBy(s, fanout.ClosedForbidden) == 1 })
	if got := len(a.of(session.OnPublish)); got != 0 {
		t.Errorf("got %d proxy requests, want none", got)
	}
}

// A sanction that starts during a proxy request applies when the reply arrives.
func TestAMuteDuringAProxyRequestApplies(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	a := startApplication(t, map[string]func(question) string{
		session.OnPublish:   func(question) string { asked <- struct{}{}; <-answer; return `{"result":{}}` },
		session.OnSubscribe: func(question) string { asked <- struct{}{}; <-answer; return `{"result":{}}` },
	})
	s := startHooked(t, a, func(c *Config) {
		moderated(c)
		c.Rooms[0].Publish = chat.Anyone
	})
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	for _, command := range []string{`{"id":2,"publish":{"channel":"moderated","data":1}}`, `{"id":2,"subscribe":{"channel":"moderated"}}`} {
		c.sendLine("%s", command)
		<-asked
		s.sessions.Moderation.Ban("ann", "moderated", time.Time{})
		answer <- struct{}{}
		c.expectLine(`{"id":2,"error":{"code":103,"message":"permission denied: banned from this room"}}`)
		s.sessions.Moderation.Unban("ann", "moderated")
	}
}

func TestTheRPCWebhookReplies(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnRPC: func(q question) string {
		switch q.Method {
		case "echo":
			return fmt.Sprintf(`{"result":{"data":%s}}`, q.Data)
		case "bytes":
			return `{"result":{"b64data":"AP8="}}`
		case "":
			return `{"error":{"code":1000,"message":"nobody hears it"}}`
		}
		return `{"result":{}}`
	}})
	s := startHooked(t, a, nil)
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	before := s.sessions.Loop.Received.Load()
	sent := 0
	say := func(text string) {
		frame := ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte(text))
		sent += len(frame)
		c.write(frame)
	}
	// Several commands in a frame, and another frame after it: all wait, and all get replies in order.
	say(`{"id":2,"rpc":{"method":"echo","data":{"x":"<&>"}}}` + "\n" + `{"send":{"data":"quiet"}}` + "\n" + `{"id":3,"rpc":{"method":"bytes"}}` + "\n" +
		`{"id":4,"unsubscribe":{"channel":"a"}}`)
	say(`{"id":5,"rpc":{"method":"nothing"}}`)
	c.expectLine(`{"id":2,"rpc":{"data":{"x":"<&>"}}}`)
	c.expectLine(`{"id":3,"rpc":{"data":"AP8="}}`)
	c.expectLine(`{"id":4,"unsubscribe":{}}`)
	c.expectLine(`{"id":5,"rpc":{}}`)
	if q := a.of(session.OnRPC); len(q) != 4 || q[1].Method != "" || string(q[1].Data) != `"quiet"` {
		t.Errorf("got %+v, want four, the second without a method", q)
	}
	if got := s.sessions.Loop.Received.Load() - before; got != uint64(sent) {
		t.Errorf("got %d bytes counted, want %d: each byte once", got, sent)
	}
}

// Commands after a waiting command are copied, because other connections reuse the buffer that they were read into.
func TestQueuedCommandsAreNotOverwritten(t *testing.T) {
	gate := make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnRPC: func(question) string { <-gate; return `{"result":{}}` }})
	s := startHooked(t, a, nil)
	c := connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"id":2,"rpc":{}}` + "\n" + `{"id":3,"unsubscribe":{"channel":"a"}}`)
	eventually(t, "the proxy request", func() bool { return len(a.of(session.OnRPC)) == 1 })
	for range 8 { // some of them on the same poller
		other := connectSDK(t, s, userToken("bob"))
		other.sendLine("%s", repeated(`"unsubscribe":{"channel":"b"}`, 50))
		for range 50 {
			other.line()
		}
	}
	close(gate)
	c.expectLine(`{"id":2,"rpc":{}}`)
	c.expectLine(`{"id":3,"unsubscribe":{}}`)
}

func TestDisconnectNotificationsAreSent(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{"user":"ann","meta":[1]}}`)})
	s := startHooked(t, a, nil)
	for name, end := range map[string]func(*sdk){
		"client": func(c *sdk) { c.send(ws.OpClose, "\x03\xe8") },
		"gone":   func(c *sdk) { c.conn.Close() },
		"force disconnect": func(c *sdk) {
			sessionOf(t, s, "ann").Disconnect(session.DisconnectForced)
			c.expectCloseCode(3503)
		},
	} {
		c := connectSDK(t, s, "")
		before := len(a.of(session.OnDisconnect))
		end(c)
		eventually(t, "the notification", func() bool { return len(a.of(session.OnDisconnect)) > before })
		q := a.of(session.OnDisconnect)[before]
		code := map[string]int{"client": 1000, "gone": 1006, "force disconnect": 3503}[name]
		if q.User != "ann" || string(q.Meta) != "[1]" || q.Reason != name || q.Code != code || q.Client != a.of(session.OnConnect)[before].Client || q.Seconds < 0 {
			t.Errorf("%s: got %+v", name, q)
		}
		eventually(t, "it to be removed", func() bool { return s.sessions.Live.Load() == 0 })
		c.conn.Close()
	}
}

// A connection that was not accepted causes no disconnect notification, with or without a token.
func TestNoDisconnectNotificationWithoutAConnect(t *testing.T) {
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"error":{"code":1000,"message":"not you"}}`)})
	s := startHooked(t, a, nil)
	for _, first := range []string{"", `{"id":1,"connect":{}}`, `{"id":1,"connect":{"token":"x"}}`, `{"id":1,"publish":{}}`} {
		c := dialSDK(t, s, "")
		if first != "" {
			c.sendLine("%s", first)
			c.next() // the reply, or the end of the connection
		}
		c.conn.Close()
		eventually(t, "it to be removed", func() bool { return s.sessions.Live.Load() == 0 })
	}
	eventually(t, "all notifications to be sent", func() bool { return s.sessions.Hooks.Client.Waiting() == 0 })
	if got := a.of(session.OnDisconnect); len(got) != 0 {
		t.Errorf("got %+v, want no notification", got)
	}
}

// Connections that end during the shutdown cause notifications, too.
func TestAShutdownSendsDisconnectNotifications(t *testing.T) {
	t.Parallel()
	a := startApplication(t, nil)
	t.Run("", func(t *testing.T) {
		s := startHooked(t, a, nil)
		for i := range 20 {
			c := connectSDK(t, s, signed(map[string]any{"sub": fmt.Sprint("user ", i)}))
			go io.Copy(io.Discard, c.conn) // and then closes it
			t.Cleanup(func() { c.conn.Close() })
		}
	})
	users := map[string]bool{}
	for _, q := range a.of(session.OnDisconnect) {
		users[q.User] = true
	}
	if len(users) != 20 {
		t.Errorf("got %d users, want all 20", len(users))
	}
}

// The shutdown waits until all notifications are sent, even if each takes long.
func TestAShutdownWaitsForNotifications(t *testing.T) {
	const clients = 30 // more than the notification senders
	flushing := make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnDisconnect: func(question) string { <-flushing; return "" }})
	waits := func() bool {
		stacks := make([]byte, 4<<20)
		return bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("webhook.(*Client).Flush("))
	}
	t.Run("", func(t *testing.T) {
		s := startHooked(t, a, func(c *Config) { c.Drain = testTimeout })
		for i := range clients {
			c := connectSDK(t, s, signed(map[string]any{"sub": fmt.Sprint("user ", i)}))
			go io.Copy(io.Discard, c.conn) // and then closes it
			t.Cleanup(func() { c.conn.Close() })
		}
		go func() {
			defer close(flushing)
			for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline) && !waits(); time.Sleep(5 * time.Millisecond) {
				if s.sessions.Hooks.Life.Err() != nil {
					return // the shutdown did not wait
				}
			}
		}()
	})
	users := map[string]bool{}
	for _, q := range a.of(session.OnDisconnect) {
		users[q.User] = true
	}
	if len(users) != clients {
		t.Errorf("got %d users, want all %d", len(users), clients)
	}
}

// While 100 commands wait for a hanging application, and more are queued, other clients get their replies.
func TestAHangingApplicationDelaysNoOtherClient(t *testing.T) {
	t.Parallel()
	var a *application
	a = startApplication(t, map[string]func(question) string{session.OnRPC: func(question) string { <-a.hang; return "" }})
	s := startHooked(t, a, nil)
	const n = webhook.MaxCalls + 50
	var all [n]*sdk
	for i := range all {
		all[i] = connectSDK(t, s, signed(map[string]any{"sub": fmt.Sprint(i)}))
	}
	// All clients connect first, because each proxy request ends after its timeout.
	asked := time.Now()
	for _, c := range all {
		c.sendLine(`{"id":2,"rpc":{}}`)
	}
	eventually(t, "the maximum number of proxy requests", func() bool {
		return len(a.of(session.OnRPC)) == webhook.MaxCalls && s.sessions.Hooks.CallWorkers.Length() == n-webhook.MaxCalls
	})
	echo := dial(t, s, "echo")
	for i := range 1000 {
		text := fmt.Sprint("echo ", i)
		echo.send(ws.OpText, text)
		echo.expect(ws.OpText, text)
	}
	if got := len(a.of(session.OnRPC)); got != webhook.MaxCalls && time.Since(asked) < 30*time.Second {
		t.Errorf("got %d proxy requests, want still %d", got, webhook.MaxCalls)
	}
}

func TestACommandFailsWithoutAWebhookReply(t *testing.T) {
	t.Parallel()
	elsewhere := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{"user":"ann"}}`)})
	for name, answer := range map[string]http.HandlerFunc{
		"500":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"garbage":  func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"huge":     func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte(" "), webhook.MaxReply+1)) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"dead":     nil,
		"hangs": func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // otherwise it would not notice the disconnect
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &application{answers: map[string]func(question) string{session.OnConnect: nil, session.OnRPC: nil}}
			a.Server = httptest.NewServer(answer)
			t.Cleanup(a.Close)
			if answer == nil {
				a.Close()
			}
			s := startHooked(t, a, func(c *Config) {
				if name == "hangs" {
					c.Webhooks.Timeout = 100 * time.Millisecond
				}
			})
			c := dialSDK(t, s, "")
			c.sendLine(`{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"a"}}`)
			c.expectLine(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
			if s.sessions.Rooms.Count() != 0 || value(t, s, "throng_users", "") != 0 {
				t.Error("a client connected")
			}
		})
	}
	if len(elsewhere.of(session.OnConnect)) != 0 {
		t.Error("a redirect was followed")
	}
}

// While the application is unreachable, the queue of disconnect notifications is bounded, and dropped ones are counted.
func TestAFloodOfDisconnectsIsBounded(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for { // accepts connections and sends no response
			if _, err := ln.Accept(); errors.Is(err, net.ErrClosed) {
				return
			}
		}
	}()
	a := &application{Server: &httptest.Server{URL: "http://" + ln.Addr().String()}}
	s := startHooked(t, a, nil)
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	session := sessionOf(t, s, "ann")
	const n = 100_000
	done := make(chan struct{})
	session.Poller.Post(func() {
		for range n {
			session.NotifyDisconnect()
		}
		close(done)
	})
	<-done
	waiting, dropped := value(t, s, "throng_webhook_queue", ""), value(t, s, "throng_webhook_dropped_total", "")
	if waiting > 33_000 || waiting+dropped != n {
		t.Errorf("got %v queued and %v dropped, want at most 33,000 queued, and all %d counted", waiting, dropped, n)
	}
	c.sendLine(`{"id":2,"unsubscribe":{"channel":"a"}}`)
	c.expectLine(`{"id":2,"unsubscribe":{}}`)
}

// A connection that waits for the connect webhook is not closed as stale.
func TestAConnectionIsNotStaleDuringAProxyRequest(t *testing.T) {
	t.Parallel()
	var a *application
	gate := make(chan struct{})
	a = startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string { <-gate; return `{"result":{}}` }})
	s := startHooked(t, a, nil)
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{}}`)
	eventually(t, "the proxy request", func() bool { return len(a.of(session.OnConnect)) == 1 })
	var asked *session.Session
	s.sessions.Call(func(sh *fanout.Shard) {
		for _, c := range sh.Conns {
			asked = c.Handler.(*session.Session)
		}
	})
	done := make(chan struct{})
	asked.Poller.Post(func() {
		asked.OnDeadline(false)
		close(done)
	})
	<-done
	close(gate)
	if line := c.line(); !strings.HasPrefix(line, `{"id":1,"connect":{`) {
		t.Errorf("got %s, want a connect reply", line)
	}
}

func TestWebhooksHaveMetrics(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{}}`)})
	s := startHooked(t, a, nil)
	connectSDK(t, s, "")
	text := scrape(t, s)
	for _, line := range []string{
		`throng_webhook_requests_total{event="connect",result="ok"} 1`, `throng_webhook_requests_total{event="disconnect",result="timeout"} 0`,
		`throng_webhook_seconds_count{event="connect"} 1`, "throng_webhook_queue 0", "throng_webhook_waiting 0", "throng_webhook_dropped_total 0",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

// hangingApplication sends no reply before the end of the test.
func hangingApplication(t testing.TB, events ...string) *application {
	var a *application
	hang := func(question) string { <-a.hang; return `{"result":{}}` }
	answers := map[string]func(question) string{}
	for _, event := range events {
		answers[event] = hang
	}
	a = startApplication(t, answers)
	return a
}

// shrink sets the limit of a budget.
func shrink(s *Server, b *limiter.Budget, most int64) {
	withShardsLocked(s, func() { b.Max = most })
}

// The memory of commands that wait for a hanging application, and of the commands after them, is bounded. A small command is still
// accepted when large ones have used up their share.
func TestQueuedCommandsAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	a := hangingApplication(t, session.OnConnect)
	s := startHooked(t, a, nil)
	const most = 2 << 20
	shrink(s, &s.sessions.PausedBudget, most)
	refused, waiting := 0, 0
	held := func() float64 { return value(t, s, "throng_held_command_bytes", "") }
	var all []*sdk
	for range 60 {
		c := dialSDK(t, s, "")
		all = append(all, c)
		before, errors := held(), errorsOf(s, session.ErrTooManyRequests)
		// A command, one after it in the frame, and a frame after that.
		c.sendLine(`{"id":1,"connect":{"data":"%s"}}`+"\n"+`{"id":2,"rpc":{"data":"%s"}}`, strings.Repeat("x", 30<<10), strings.Repeat("x", 30<<10))
		eventually(t, "the command to wait or to be rejected", func() bool { return held() > before || errorsOf(s, session.ErrTooManyRequests) > errors })
		if errorsOf(s, session.ErrTooManyRequests) > errors {
			refused++
			c.expectLine(`{"id":1,"error":{"code":111,"message":"too many requests","temporary":true}}`)
		} else {
			waiting++
		}
		if got := held(); got > most {
			t.Fatalf("got %v bytes held, want %d at most", got, most)
		}
	}
	if refused == 0 || waiting < 20 {
		t.Errorf("got %d rejected and %d waiting, want some and at least 20", refused, waiting)
	}
	before := held()
	small := dialSDK(t, s, "")
	small.sendLine(`{"id":1,"connect":{}}`)
	eventually(t, "a small command to wait", func() bool { return held() > before })
	// Requested rooms use more memory than their names in the command.
	wishes := make([]string, 100)
	for i := range wishes {
		wishes[i] = fmt.Sprintf(`"%d":{}`, i)
	}
	before = held()
	wishing := dialSDK(t, s, "")
	wishing.sendLine(`{"id":1,"connect":{"subs":{%s}}}`, strings.Join(wishes, ","))
	eventually(t, "it to wait", func() bool { return held() >= before+100*session.PausedRoomOverhead })
	for _, c := range append(all, small, wishing) {
		c.conn.Close()
	}
	s.sessions.Hooks.End() // all requests
	eventually(t, "all bytes to be released", func() bool { return held() == 0 })
}

// If a waiting connection is closed, its unread commands are released when the wait ends.
func TestAClosedConnectionReleasesItsQueuedCommands(t *testing.T) {
	gate := make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnRPC: func(question) string { <-gate; return `{"result":{}}` }})
	s := startHooked(t, a, nil)
	c := connectSDK(t, s, userToken("ann"))
	held := func() float64 { return value(t, s, "throng_held_command_bytes", "") }
	// In one segment: later bytes are not read.
	frames := ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte(`{"id":2,"rpc":{}}`))
	c.write(ws.AppendMaskedFrame(frames, ws.OpText, 7, []byte(`{"id":3,"rpc":{"data":"`+strings.Repeat("x", 2000)+`"}}`)))
	eventually(t, "both to wait", func() bool { return held() > 2000 })
	sessionOf(t, s, "ann").Disconnect(session.DisconnectForced)
	close(gate)
	eventually(t, "all bytes to be released", func() bool { return held() == 0 })
}

// errorsOf returns the number of error replies of a kind.
func errorsOf(s *Server, e *protocol.Error) int {
	return int(testutil.ToFloat64(s.metrics.CommandErrors.WithLabelValues(session.ErrorLabel(e))))
}

// A command that needs a proxy request is rejected without further work if too many wait. So is a command that waited too long. A client
// that continues is disconnected.
func TestRepeatedRequestsToAnOverloadedApplicationAreCutOff(t *testing.T) {
	t.Parallel()
	commands := map[string]string{
		"rpc":       `{"id":2,"rpc":{"method":"x"}}`,
		"subscribe": `{"id":2,"subscribe":{"channel":"x","token":"looked at by nobody"}}`,
		"publish":   `{"id":2,"publish":{"channel":"moderated","data":{}}}`,
	}
	for name, queue := range map[string]int{"at once": 0, "late": 1} {
		for event, command := range commands {
			if name == "late" {
				command = strings.Replace(command, `,"token":"looked at by nobody"`, "", 1)
			}
			t.Run(name+"/"+event, func(t *testing.T) {
				s := startHooked(t, hangingApplication(t, session.OnRPC, session.OnSubscribe, session.OnPublish), func(c *Config) {
					moderated(c)
					c.Rooms[0].Publish = chat.Anyone
				})
				askers, gate := session.NewWorkers(1, queue, time.Nanosecond), make(chan struct{})
				t.Cleanup(func() { close(gate) })
				askers.Do(netip.Addr{}, func() { <-gate }, nil)
				withShardsLocked(s, func() { s.sessions.Hooks.CallWorkers, s.sessions.Hooks.AdmissionWorkers = askers, askers })
				goOnOverALimit(t, s, command, `{"code":111,"message":"too many requests","temporary":true}`)
			})
		}
	}
}

// If too many connects wait for the application, a connect is rejected before its token is verified.
func TestAConnectionIsRejectedIfTheApplicationIsOverloaded(t *testing.T) {
	t.Parallel()
	s := startHooked(t, hangingApplication(t, session.OnConnect), nil)
	askers, gate := session.NewWorkers(1, 0, time.Hour), make(chan struct{})
	t.Cleanup(func() { close(gate) })
	askers.Do(netip.Addr{}, func() { <-gate }, nil)
	withShardsLocked(s, func() { s.sessions.Hooks.AdmissionWorkers = askers })
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":"looked at by nobody"}}`)
	c.expectLine(`{"id":1,"error":{"code":111,"message":"too many requests","temporary":true}}`)
}

// Slow replies to rpc commands do not delay connects.
func TestSlowRPCsDoNotDelayConnects(t *testing.T) {
	t.Parallel()
	a := hangingApplication(t, session.OnRPC)
	a.answers[session.OnConnect], a.answers[session.OnSubscribe] = always(`{"result":{}}`), always(`{"result":{}}`)
	s := startHooked(t, a, nil)
	const n = webhook.MaxCalls + 1
	for range n {
		c := connectSDK(t, s, "")
		c.sendLine(`{"id":2,"rpc":{"method":"x","data":1}}`)
	}
	eventually(t, "all workers to be busy", func() bool { return s.sessions.Hooks.CallWorkers.Length() > 0 })
	c := connectSDK(t, s, "") // which needs a proxy request
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	if got := c.line(); !strings.Contains(got, `"subscribe":{`) {
		t.Errorf("got %s, want a connect reply", got)
	}
	plain := dial(t, s, "y")
	plain.send(ws.OpText, "hello")
	plain.expect(ws.OpText, "hello")
	if got := s.sessions.Hooks.CallWorkers.Length(); got == 0 {
		t.Error("the calls have ended, so the test is not valid")
	}
}
