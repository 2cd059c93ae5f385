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

// application is what throng asks and tells: a real HTTP server that believes nobody without a signature.
type application struct {
	*httptest.Server
	t       testing.TB
	answers map[string]func(question) string // by event; hang is closed at the end of the test
	hang    chan struct{}

	mu    sync.Mutex
	heard []question
}

// question is a request as the application reads it.
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

// of is what was heard of an event.
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

// badAnswers is how many answers about an event were counted as none.
func badAnswers(t testing.TB, s *Server, event string) (n int) {
	t.Helper()
	counted := fmt.Sprintf(`throng_webhook_requests_total{event=%q,result=%q} `, event, webhook.BadAnswer)
	_, text := ask(t, s.AdminAddr().String(), "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	_, rest, found := strings.Cut(text, counted)
	if _, err := fmt.Sscan(rest, &n); !found || err != nil {
		t.Fatalf("no metric %s (%v)", counted, err)
	}
	return n
}

func always(answer string) func(question) string { return func(question) string { return answer } }

// startHooked runs a server that asks and tells the application what it has answers for, and disconnect.
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

func TestTheApplicationSaysWhoConnects(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(
		`{"result":{"user":"ann","info":{"name": "Ann"},"data":{"hello": 1},"channels":["news"],"subs":{"desk":{"data":"here"}},"meta":{"id":7}}}`,
	), session.OnRPC: always(`{"result":{}}`)})
	s := startHooked(t, a, func(c *Config) { c.Guests = "off" })
	c := dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{"data":{"key":"x"},"name":"js","version":"1"}}`)
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
	c.say(`{"id":2,"rpc":{"method":"m"}}`)
	c.line()
	if r := a.of(session.OnRPC); len(r) != 1 || r[0].User != "ann" || string(r[0].Meta) != `{"id":7}` || r[0].Client != q[0].Client {
		t.Errorf("got %+v, want who connected", r)
	}
	// Others see the same.
	c.say(`{"id":3,"presence":{"channel":"news"}}`)
	if line := c.line(); !strings.Contains(line, `"user":"ann"`) || !strings.Contains(line, `"conn_info":{"name":"Ann"}`) {
		t.Errorf("got %s", line)
	}
}

// A user has no longer name than a token can give it, and the server API can address it.
func TestTheApplicationNamesNobodyAtLength(t *testing.T) {
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
		c.say(`{"id":1,"connect":{}}`)
		return c
	}
	if line := connect(api.MaxUserName).line(); !strings.HasPrefix(line, `{"id":1,"connect":{"client":`) {
		t.Errorf("%d bytes: got %s, want it connected", api.MaxUserName, line)
	}
	for _, length := range []int{api.MaxUserName + 1, 60_000} {
		connect(length).want(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
	}
	if got := badAnswers(t, s, session.OnConnect); got != 2 {
		t.Errorf("got %v bad answers counted, want 2", got)
	}
}

// Whom the application takes the token's user for stays that user when the token is renewed, and what it has said of it stays.
func TestWhoTheApplicationMadeItRefreshesItsToken(t *testing.T) {
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
		c.say(`{"id":1,"connect":{"token":%q}}`, token)
		c.line()
		return c
	}
	c := connect(token("ann"))
	c.say(`{"id":2,"refresh":{"token":%q}}`, token("ann"))
	if line := c.line(); !strings.HasPrefix(line, `{"id":2,"refresh":{"client":`) {
		t.Errorf("got %s", line)
	}
	c.say(`{"id":3,"rpc":{"method":"m"}}`)
	c.line()
	if r := a.of(session.OnRPC); len(r) != 1 || r[0].User != "ann@example" || string(r[0].Meta) != `{"id":7}` {
		t.Errorf("got %+v, want who connected", r)
	}
	// Nobody else's token will do: of whom it was taken for neither.
	c.say(`{"id":4,"refresh":{"token":%q}}`, token("ann@example"))
	c.closed(3500)
	// Who brought none is whom the application says.
	c = connect("")
	c.say(`{"id":2,"refresh":{"token":%q}}`, token("ann@example"))
	if line := c.line(); !strings.HasPrefix(line, `{"id":2,"refresh":{"client":`) {
		t.Errorf("got %s", line)
	}
	c.say(`{"id":3,"refresh":{"token":%q}}`, token("ann"))
	c.closed(3500)
	// What is forbidden to the user is forbidden to its token.
	c = connect(token("ann"))
	s.hub.Moderation.Ban("ann@example", "", time.Time{})
	c.say(`{"id":2,"refresh":{"token":%q}}`, token("ann"))
	c.closed(3507)
}

func TestTheApplicationRefusesAConnection(t *testing.T) {
	t.Parallel()
	said := `{"error":{"code":1000,"message":"not you"}}`
	a := startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string { return said }})
	s := startHooked(t, a, nil)
	c := dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{"token":%q}}`, signed(map[string]any{"sub": "ann", "meta": map[string]int{"id": 1}}))
	c.want(`{"id":1,"error":{"code":1000,"message":"not you"}}`)
	if q := a.of(session.OnConnect); len(q) != 1 || q[0].User != "ann" || string(q[0].Meta) != `{"id":1}` {
		t.Errorf("got %+v, want what the token says", q)
	}
	said = `{"disconnect":{"code":4501,"reason":"go away"}}`
	c = dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{}}`)
	c.closed(4501)
	// SDKs take a reason that is JSON for an instruction, and a close frame has no room for a long one.
	for _, reason := range []string{"false", strings.Repeat("x", api.MaxReason+1)} {
		said = fmt.Sprintf(`{"disconnect":{"code":4000,"reason":%q}}`, reason)
		c = dialSDK(t, s, "")
		c.say(`{"id":1,"connect":{}}`)
		c.want(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
	}
	// Codes below 400 are the protocol's own: an SDK would take 109 for an expired token, and ask for another one.
	before := badAnswers(t, s, session.OnConnect)
	for _, code := range []int{1, 109, 399} {
		said = fmt.Sprintf(`{"error":{"code":%d,"message":"no","temporary":true}}`, code)
		c = dialSDK(t, s, "")
		c.say(`{"id":1,"connect":{}}`)
		c.want(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
	}
	if got := badAnswers(t, s, session.OnConnect); got != before+3 {
		t.Errorf("got %v bad answers counted, want 3 more than %v", got, before)
	}
	said = `{"result":{"user":"ann","expire_at":1000000000}}`
	c = dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{}}`)
	c.want(`{"id":1,"error":{"code":109,"message":"token expired"}}`)
	// A token that is no good is not asked about.
	asked := len(a.of(session.OnConnect))
	c = dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{"token":"x"}}`)
	c.closed(3500)
	if got := len(a.of(session.OnConnect)); got != asked {
		t.Errorf("got %d asked, want %d", got, asked)
	}
	if len(sessionsOf(s, "ann")) != 0 || len(a.of(session.OnDisconnect)) != 0 {
		t.Error("somebody came in, or was said to have gone")
	}
}

func TestTheApplicationSaysWhoSubscribes(t *testing.T) {
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
	c.say(`{"id":2,"subscribe":{"channel":"yes","data":[1]}}` + "\n" + `{"id":3,"subscribe":{"channel":"no"}}` + "\n" + `{"id":4,"subscribe":{"channel":"closed"}}`)
	c.want(`{"id":2,"subscribe":{"data":{"topic":"tea"}}}`)
	c.want(`{"id":3,"error":{"code":403,"message":"members only"}}`)
	c.want(`{"id":4,"error":{"code":103,"message":"permission denied"}}`)
	if q := a.of(session.OnSubscribe); len(q) != 2 || q[0].User != "ann" || q[0].Channel != "yes" || string(q[0].Data) != "[1]" {
		t.Errorf("got %+v, want two, and none about a room that is closed anyway", q)
	}
	c.say(`{"id":5,"publish":{"channel":"yes","data":1}}`)
	if line := c.line(); !strings.Contains(line, `"chan_info":{"role":"host"}`) {
		t.Errorf("got %s, want the info of the answer", line)
	}
	c.want(`{"id":5,"publish":{}}`)
	c.say(`{"id":6,"subscribe":{"channel":"out"}}`)
	c.closed(4000)
}

// moderated is a room whose publications the application sees first.
func moderated(c *Config) {
	o := chat.DefaultRoom()
	o.Pattern, o.PublishProxy, o.HistorySize, o.HistoryTTL = "moderated", true, 10, time.Hour
	c.Rooms = []chat.RoomOptions{o}
}

func TestTheApplicationChangesWhatIsSaid(t *testing.T) {
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
	c.say(`{"id":2,"subscribe":{"channel":"moderated"}}` + "\n" + `{"id":3,"subscribe":{"channel":"free"}}`)
	c.want(`{"id":2,"subscribe":{}}`)
	c.want(`{"id":3,"subscribe":{}}`)
	for i, tt := range []struct{ data, heard, answer string }{
		{`"fine"`, `"data":"fine"`, `"publish":{}`},
		{`"rude"`, `"data":{"text":"***"}`, `"publish":{}`},
		{`"secret"`, `"data":"secret"`, `"publish":{}`},
		{`"spam"`, "", `"error":{"code":1001,"message":"spam"}`},
		{`"deep"`, "", `"error":{"code":100,"message":"internal server error","temporary":true}`},
	} {
		c.say(`{"id":%d,"publish":{"channel":"moderated","data":%s}}`, 10+i, tt.data)
		if tt.heard != "" {
			if line := c.line(); !strings.Contains(line, `"pub":{"data":`+tt.heard[len(`"data":`):]) && !strings.Contains(line, tt.heard) {
				t.Errorf("%s: heard %s", tt.data, line)
			}
		}
		c.want(fmt.Sprintf(`{"id":%d,%s}`, 10+i, tt.answer))
	}
	c.say(`{"id":20,"history":{"channel":"moderated","limit":10}}`)
	if line := c.line(); strings.Contains(line, "secret") || strings.Contains(line, "rude") || !strings.Contains(line, `"offset":2`) {
		t.Errorf("got %s, want two publications, one of them changed", line)
	}
	// Other rooms are nobody's business.
	asked := len(a.of(session.OnPublish))
	c.say(`{"id":21,"publish":{"channel":"free","data":1}}`)
	c.line()
	c.want(`{"id":21,"publish":{}}`)
	if got := len(a.of(session.OnPublish)); got != asked || asked != 5 {
		t.Errorf("got %d asked, and %d before, want 5", got, asked)
	}
}

// A plain client cannot be answered: there is no way past the application for it.
func TestAPlainClientOnlyListensWhereTheApplicationIsAsked(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnPublish: always(`{"result":{}}`)})
	s := startHooked(t, a, moderated)
	c := dial(t, s, "moderated")
	c.send(ws.OpText, "rude")
	c.closed(ws.ClosePolicy)
	eventually(t, "it to be counted as forbidden", func() bool { return closesBy(s, fanout.ClosedForbidden) == 1 })
	if got := len(a.of(session.OnPublish)); got != 0 {
		t.Errorf("got %d asked, want none", got)
	}
}

// What was allowed when the application was asked may be forbidden when it answers.
func TestAMuteMeanwhileStands(t *testing.T) {
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
		c.say("%s", command)
		<-asked
		s.hub.Moderation.Ban("ann", "moderated", time.Time{})
		answer <- struct{}{}
		c.want(`{"id":2,"error":{"code":103,"message":"permission denied: banned from this room"}}`)
		chat.Lift(s.hub.Moderation, s.hub.Moderation.Bans, chat.Sanctioned{User: "ann", Room: "moderated"})
	}
}

func TestTheApplicationAnswersCalls(t *testing.T) {
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
	before := s.hub.Loop.Received.Load()
	sent := 0
	say := func(text string) {
		frame := ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte(text))
		sent += len(frame)
		c.write(frame)
	}
	// Several in a frame, and behind it another: all wait, and all are answered in order.
	say(`{"id":2,"rpc":{"method":"echo","data":{"x":"<&>"}}}` + "\n" + `{"send":{"data":"quiet"}}` + "\n" + `{"id":3,"rpc":{"method":"bytes"}}` + "\n" +
		`{"id":4,"unsubscribe":{"channel":"a"}}`)
	say(`{"id":5,"rpc":{"method":"nothing"}}`)
	c.want(`{"id":2,"rpc":{"data":{"x":"<&>"}}}`)
	c.want(`{"id":3,"rpc":{"data":"AP8="}}`)
	c.want(`{"id":4,"unsubscribe":{}}`)
	c.want(`{"id":5,"rpc":{}}`)
	if q := a.of(session.OnRPC); len(q) != 4 || q[1].Method != "" || string(q[1].Data) != `"quiet"` {
		t.Errorf("got %+v, want four, the second without a method", q)
	}
	if got := s.hub.Loop.Received.Load() - before; got != uint64(sent) {
		t.Errorf("got %d bytes counted, want %d: each once", got, sent)
	}
}

// Commands behind one that waits are kept, and not what others send meanwhile into the buffer that they were read to.
func TestCommandsThatWaitAreNotOverwritten(t *testing.T) {
	gate := make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnRPC: func(question) string { <-gate; return `{"result":{}}` }})
	s := startHooked(t, a, nil)
	c := connectSDK(t, s, userToken("ann"))
	c.say(`{"id":2,"rpc":{}}` + "\n" + `{"id":3,"unsubscribe":{"channel":"a"}}`)
	eventually(t, "it to be asked", func() bool { return len(a.of(session.OnRPC)) == 1 })
	for range 8 { // some of them on its poller
		other := connectSDK(t, s, userToken("bob"))
		other.say("%s", repeated(`"unsubscribe":{"channel":"b"}`, 50))
		for range 50 {
			other.line()
		}
	}
	close(gate)
	c.want(`{"id":2,"rpc":{}}`)
	c.want(`{"id":3,"unsubscribe":{}}`)
}

func TestTheApplicationIsToldWhoIsGone(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{"user":"ann","meta":[1]}}`)})
	s := startHooked(t, a, nil)
	for name, end := range map[string]func(*sdk){
		"client": func(c *sdk) { c.send(ws.OpClose, "\x03\xe8") },
		"gone":   func(c *sdk) { c.conn.Close() },
		"force disconnect": func(c *sdk) {
			sessionOf(t, s, "ann").Disconnect(session.DisconnectForced)
			c.closed(3503)
		},
	} {
		c := connectSDK(t, s, "")
		before := len(a.of(session.OnDisconnect))
		end(c)
		eventually(t, "the application to be told", func() bool { return len(a.of(session.OnDisconnect)) > before })
		q := a.of(session.OnDisconnect)[before]
		code := map[string]int{"client": 1000, "gone": 1006, "force disconnect": 3503}[name]
		if q.User != "ann" || string(q.Meta) != "[1]" || q.Reason != name || q.Code != code || q.Client != a.of(session.OnConnect)[before].Client || q.Seconds < 0 {
			t.Errorf("%s: got %+v", name, q)
		}
		eventually(t, "it to be counted out", func() bool { return s.hub.Live.Load() == 0 })
		c.conn.Close()
	}
}

// Of a connection that was nobody's the application hears nothing, whether it said who it is or not.
func TestTheApplicationIsNotToldOfStrangers(t *testing.T) {
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"error":{"code":1000,"message":"not you"}}`)})
	s := startHooked(t, a, nil)
	for _, first := range []string{"", `{"id":1,"connect":{}}`, `{"id":1,"connect":{"token":"x"}}`, `{"id":1,"publish":{}}`} {
		c := dialSDK(t, s, "")
		if first != "" {
			c.say("%s", first)
			c.next() // what it is answered, or its end
		}
		c.conn.Close()
		eventually(t, "it to be counted out", func() bool { return s.hub.Live.Load() == 0 })
	}
	eventually(t, "all to be told", func() bool { return s.hub.Hooks.Client.Waiting() == 0 })
	if got := a.of(session.OnDisconnect); len(got) != 0 {
		t.Errorf("got %+v, want nothing told", got)
	}
}

// Whoever goes while the server stops is told of, too.
func TestAStopTellsWhoIsGone(t *testing.T) {
	t.Parallel()
	a := startApplication(t, nil)
	t.Run("", func(t *testing.T) {
		s := startHooked(t, a, nil)
		for i := range 20 {
			c := connectSDK(t, s, signed(map[string]any{"sub": fmt.Sprint("user ", i)}))
			go io.Copy(io.Discard, c.conn) // and then ends it
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

// A stop waits for the application to have heard of all, however long it takes for each.
func TestAStopWaitsUntilAllAreTold(t *testing.T) {
	const clients = 30 // of which not all are told at once
	flushing := make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnDisconnect: func(question) string { <-flushing; return "" }})
	waits := func() bool {
		stacks := make([]byte, 4<<20)
		return bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("webhook.(*Client).Flush("))
	}
	t.Run("", func(t *testing.T) {
		s := startHooked(t, a, func(c *Config) { c.Drain = patience })
		for i := range clients {
			c := connectSDK(t, s, signed(map[string]any{"sub": fmt.Sprint("user ", i)}))
			go io.Copy(io.Discard, c.conn) // and then ends it
			t.Cleanup(func() { c.conn.Close() })
		}
		go func() {
			defer close(flushing)
			for deadline := time.Now().Add(patience); time.Now().Before(deadline) && !waits(); time.Sleep(5 * time.Millisecond) {
				if s.hub.Hooks.Life.Err() != nil {
					return // it does not wait
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

// While a hundred wait for an application that hangs, and more for their turn, another is answered as ever.
func TestAHangingApplicationHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	var a *application
	a = startApplication(t, map[string]func(question) string{session.OnRPC: func(question) string { <-a.hang; return "" }})
	s := startHooked(t, a, nil)
	const n = webhook.MaxAsking + 50
	var all [n]*sdk
	for i := range all {
		all[i] = connectSDK(t, s, signed(map[string]any{"sub": fmt.Sprint(i)}))
	}
	// All are connected first: the application has so long to answer, and then others are asked.
	asked := time.Now()
	for _, c := range all {
		c.say(`{"id":2,"rpc":{}}`)
	}
	eventually(t, "all that may hang to hang", func() bool {
		return len(a.of(session.OnRPC)) == webhook.MaxAsking && s.hub.Hooks.Askers.Length() == n-webhook.MaxAsking
	})
	echo := dial(t, s, "echo")
	for i := range 1000 {
		text := fmt.Sprint("echo ", i)
		echo.send(ws.OpText, text)
		echo.hear(ws.OpText, text)
	}
	if got := len(a.of(session.OnRPC)); got != webhook.MaxAsking && time.Since(asked) < 30*time.Second {
		t.Errorf("got %d asked, want still %d", got, webhook.MaxAsking)
	}
}

func TestWithoutAnAnswerTheCommandFails(t *testing.T) {
	t.Parallel()
	elsewhere := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{"user":"ann"}}`)})
	for name, answer := range map[string]http.HandlerFunc{
		"500":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"garbage":  func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"huge":     func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte(" "), webhook.MaxAnswer+1)) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"dead":     nil,
		"hangs": func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // or it would not see that the client is gone
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
			c.say(`{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"a"}}`)
			c.want(`{"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}`)
			if s.hub.Rooms.Count() != 0 || value(t, s, "throng_users", "") != 0 {
				t.Error("somebody came in")
			}
		})
	}
	if len(elsewhere.of(session.OnConnect)) != 0 {
		t.Error("a redirect was followed")
	}
}

// However many go while nobody listens, what is kept of them is bounded, and the rest is counted.
func TestAFloodOfDisconnectsIsBounded(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for { // takes connections, and answers none
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
			session.TellDisconnect()
		}
		close(done)
	})
	<-done
	waiting, dropped := value(t, s, "throng_webhook_queue", ""), value(t, s, "throng_webhook_dropped_total", "")
	if waiting > 33_000 || waiting+dropped != n {
		t.Errorf("got %v that wait and %v dropped, want 33,000 that wait at most, and all %d counted", waiting, dropped, n)
	}
	c.say(`{"id":2,"unsubscribe":{"channel":"a"}}`)
	c.want(`{"id":2,"unsubscribe":{}}`)
}

// One who waits for the application is not taken for one who says nothing.
func TestAConnectionIsNotStaleWhileItIsAskedAbout(t *testing.T) {
	t.Parallel()
	var a *application
	gate := make(chan struct{})
	a = startApplication(t, map[string]func(question) string{session.OnConnect: func(question) string { <-gate; return `{"result":{}}` }})
	s := startHooked(t, a, nil)
	c := dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{}}`)
	eventually(t, "the question", func() bool { return len(a.of(session.OnConnect)) == 1 })
	var asked *session.Session
	s.hub.Call(func(sh *fanout.Shard) {
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
		t.Errorf("got %s, want to be connected", line)
	}
}

func TestHooksAreMeasured(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{}}`)})
	s := startHooked(t, a, nil)
	connectSDK(t, s, "")
	resp, err := http.Get("http://" + s.AdminAddr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`throng_webhook_requests_total{event="connect",result="ok"} 1`, `throng_webhook_requests_total{event="disconnect",result="timeout"} 0`,
		`throng_webhook_seconds_count{event="connect"} 1`, "throng_webhook_queue 0", "throng_webhook_waiting 0", "throng_webhook_dropped_total 0",
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

// hangingApplication answers nobody before the test's end.
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

// shrink sets how many bytes of commands may wait.
func shrink(s *Server, b *limiter.Budget, most int64) {
	change(s, func() { b.Most = most })
}

// The commands that wait for an application that hangs, and what comes behind them, hold so much memory at most; a small command still
// has its turn when large ones have used up their part.
func TestCommandsThatWaitAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	a := hangingApplication(t, session.OnConnect)
	s := startHooked(t, a, nil)
	const most = 2 << 20
	shrink(s, &s.hub.HeldCommands, most)
	refused, waiting := 0, 0
	held := func() float64 { return value(t, s, "throng_held_command_bytes", "") }
	var all []*sdk
	for range 60 {
		c := dialSDK(t, s, "")
		all = append(all, c)
		before, errors := held(), errorsOf(s, session.ErrTooManyRequests)
		// A command, one behind it in the frame, and a frame behind that.
		c.say(`{"id":1,"connect":{"data":"%s"}}`+"\n"+`{"id":2,"rpc":{"data":"%s"}}`, strings.Repeat("x", 30<<10), strings.Repeat("x", 30<<10))
		eventually(t, "the command to wait or be refused", func() bool { return held() > before || errorsOf(s, session.ErrTooManyRequests) > errors })
		if errorsOf(s, session.ErrTooManyRequests) > errors {
			refused++
			c.want(`{"id":1,"error":{"code":111,"message":"too many requests","temporary":true}}`)
		} else {
			waiting++
		}
		if got := held(); got > most {
			t.Fatalf("got %v bytes held, want %d at most", got, most)
		}
	}
	if refused == 0 || waiting < 20 {
		t.Errorf("got %d refused and %d that wait, want some and at least 20", refused, waiting)
	}
	before := held()
	small := dialSDK(t, s, "")
	small.say(`{"id":1,"connect":{}}`)
	eventually(t, "a small command to wait", func() bool { return held() > before })
	// Rooms that are wished for take more than their names in the command.
	wishes := make([]string, 100)
	for i := range wishes {
		wishes[i] = fmt.Sprintf(`"%d":{}`, i)
	}
	before = held()
	wishing := dialSDK(t, s, "")
	wishing.say(`{"id":1,"connect":{"subs":{%s}}}`, strings.Join(wishes, ","))
	eventually(t, "it to wait", func() bool { return held() >= before+100*session.HeldWish })
	for _, c := range append(all, small, wishing) {
		c.conn.Close()
	}
	s.hub.Hooks.End() // all requests
	eventually(t, "all of it to be given back", func() bool { return held() == 0 })
}

// What a connection sent while it waited, and was closed before it was read, is held no longer than the wait.
func TestWhatAClosedConnectionLeftUnreadIsReleased(t *testing.T) {
	gate := make(chan struct{})
	a := startApplication(t, map[string]func(question) string{session.OnRPC: func(question) string { <-gate; return `{"result":{}}` }})
	s := startHooked(t, a, nil)
	c := connectSDK(t, s, userToken("ann"))
	held := func() float64 { return value(t, s, "throng_held_command_bytes", "") }
	// In one segment: what comes later is not read.
	frames := ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte(`{"id":2,"rpc":{}}`))
	c.write(ws.AppendMaskedFrame(frames, ws.OpText, 7, []byte(`{"id":3,"rpc":{"data":"`+strings.Repeat("x", 2000)+`"}}`)))
	eventually(t, "both to wait", func() bool { return held() > 2000 })
	sessionOf(t, s, "ann").Disconnect(session.DisconnectForced)
	close(gate)
	eventually(t, "all of it to be given back", func() bool { return held() == 0 })
}

// errorsOf is how many commands were answered with an error.
func errorsOf(s *Server, e *protocol.Error) int {
	return int(testutil.ToFloat64(s.metrics.CommandErrors.WithLabelValues(session.ErrorLabel(e))))
}

// A command that asks the application is refused where too many wait already, before anything is spent on it; so is one that waited
// too long. A client that goes on is cut off.
func TestWhoGoesOnAskingACrowdedApplicationIsCutOff(t *testing.T) {
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
				change(s, func() { s.hub.Hooks.Askers, s.hub.Hooks.Admitters = askers, askers })
				goOnOverALimit(t, s, command, `{"code":111,"message":"too many requests","temporary":true}`)
			})
		}
	}
}

// A connection that has to be asked about is refused before its token is looked at.
func TestAConnectionIsRefusedWhereTheApplicationIsCrowded(t *testing.T) {
	t.Parallel()
	s := startHooked(t, hangingApplication(t, session.OnConnect), nil)
	askers, gate := session.NewWorkers(1, 0, time.Hour), make(chan struct{})
	t.Cleanup(func() { close(gate) })
	askers.Do(netip.Addr{}, func() { <-gate }, nil)
	change(s, func() { s.hub.Hooks.Admitters = askers })
	c := dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{"token":"looked at by nobody"}}`)
	c.want(`{"id":1,"error":{"code":111,"message":"too many requests","temporary":true}}`)
}

// An application that takes long over what clients call holds up nobody who comes in.
func TestSlowCallsHoldUpNobodyWhoComesIn(t *testing.T) {
	t.Parallel()
	a := hangingApplication(t, session.OnRPC)
	a.answers[session.OnConnect], a.answers[session.OnSubscribe] = always(`{"result":{}}`), always(`{"result":{}}`)
	s := startHooked(t, a, nil)
	const n = webhook.MaxAsking + 1
	for range n {
		c := connectSDK(t, s, "")
		c.say(`{"id":2,"rpc":{"method":"x","data":1}}`)
	}
	eventually(t, "all turns to be taken", func() bool { return s.hub.Hooks.Askers.Length() > 0 })
	c := connectSDK(t, s, "") // which the application is asked about
	c.say(`{"id":2,"subscribe":{"channel":"x"}}`)
	if got := c.line(); !strings.Contains(got, `"subscribe":{`) {
		t.Errorf("got %s, want to be let in", got)
	}
	plain := dial(t, s, "y")
	plain.send(ws.OpText, "hello")
	plain.hear(ws.OpText, "hello")
	if got := s.hub.Hooks.Askers.Length(); got == 0 {
		t.Error("the calls have ended: the test does not test")
	}
}
