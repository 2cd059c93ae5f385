package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

// patience is how long a test waits for what must come. It is a deadline, not a measure.
const patience = time.Minute

const secret = "a secret of the tests, long enough to be one"

// application is an HTTP server that checks the signature of each request.
type application struct {
	*httptest.Server
	t      testing.TB
	answer func(w http.ResponseWriter, r *http.Request, body string)

	mu     sync.Mutex
	bodies []string
	ids    []string
}

func startApplication(t testing.TB, answer func(w http.ResponseWriter, r *http.Request, body string)) *application {
	a := &application{t: t, answer: answer}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.CloseClientConnections) // or Close waits for them
	t.Cleanup(a.Close)
	return a
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client disconnected
	}
	id := r.Header.Get("webhook-id")
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s.%s", id, r.Header.Get("webhook-timestamp"), body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if got := r.Header.Get("webhook-signature"); got != want || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		a.t.Errorf("got %s, signature %q, want POST, %q", r.Method, got, want)
	}
	a.mu.Lock()
	a.bodies, a.ids = append(a.bodies, string(body)), append(a.ids, id)
	a.mu.Unlock()
	a.answer(w, r, string(body))
}

func (a *application) heard() (bodies, ids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.bodies...), append([]string(nil), a.ids...)
}

// results counts the results of requests.
type results struct {
	mu sync.Mutex
	of map[Result]int
}

func (r *results) observe(_ string, result Result, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[Result]int{}
	}
	r.of[result]++
}

func (r *results) count(result Result) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[result]
}

func newClient(t testing.TB, url string, timeout time.Duration) (*Client, *results) {
	t.Helper()
	seen := &results{}
	c, err := New(Config{URL: url, Secret: secret, Timeout: timeout}, slog.New(slog.DiscardHandler), seen.observe, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, seen
}

// run delivers the notifications of c until the test ends.
func run(t testing.TB, c *Client) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		c.Run(ctx)
		close(done)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("Run did not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// The test vector of the reference libraries of Standard Webhooks.
func TestASignatureIsTheStandards(t *testing.T) {
	c, err := New(Config{URL: "http://127.0.0.1:1", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Timeout: time.Second}, slog.Default(), (&results{}).observe, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.target.Load().signer.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestASecretIsAKeyOrOneInBase64(t *testing.T) {
	for secret, want := range map[string]string{"plain, long enough": "plain, long enough", "whsec_aGVsbG8=": "hello"} {
		if key, err := Key(secret); err != nil || string(key) != want {
			t.Errorf("got %q, %v; want %q", key, err, want)
		}
	}
	if _, err := Key("whsec_HUSH!"); err == nil || strings.Contains(err.Error(), "HUSH") {
		t.Errorf("got %v, want an error without the secret", err)
	}
}

func TestWhatIsAskedIsAnswered(t *testing.T) {
	a := startApplication(t, func(w http.ResponseWriter, r *http.Request, body string) {
		if r.URL.Path != "/hooks/connect" {
			t.Errorf("got %s, want the event in the path", r.URL.Path)
		}
		io.WriteString(w, `{"result":{"user":"ann","info":{"name": "Ann"},"channels":["a"],"subs":{"b":{"b64data":"AAE="}},"expire_at":4000000000,"meta":[1]}}`)
	})
	c, seen := newClient(t, a.URL+"/hooks/{event}", patience)
	got, err := c.Proxy(t.Context(), &Request{Event: "connect", Client: "c1", Transport: "websocket", Protocol: "json", Data: []byte(`{"x":"<"}`), Name: "js"})
	if err != nil {
		t.Fatal(err)
	}
	if got.User != "ann" || string(got.Info) != `{"name":"Ann"}` || len(got.Channels) != 1 || string(got.Subs["b"].Data) != "\x00\x01" ||
		got.ExpireAt.Unix() != 4000000000 || string(got.Meta) != "[1]" {
		t.Errorf("got %+v", got)
	}
	bodies, _ := a.heard()
	if want := `{"event":"connect","client":"c1","transport":"websocket","protocol":"json","user":"","name":"js","encoding":"json","data":{"x":"<"}}` + "\n"; len(bodies) != 1 || bodies[0] != want {
		t.Errorf("got %q, want %q", bodies, want)
	}
	if seen.count(OK) != 1 {
		t.Errorf("got %v, want one ok", seen.of)
	}
}

func TestDataThatIsNoJSONIsSentInBase64(t *testing.T) {
	for _, data := range []string{"\x00\xff", "{", "\"\xff\""} {
		body, err := (&Request{Event: "rpc", Data: []byte(data)}).encode()
		var wire struct {
			Data     json.RawMessage
			B64Data  []byte `json:"b64data"`
			Encoding string
		}
		if err == nil {
			err = json.Unmarshal(body, &wire)
		}
		if err != nil || wire.Data != nil || string(wire.B64Data) != data || wire.Encoding != "binary" {
			t.Errorf("%q: got %s, %v", data, body, err)
		}
	}
}

// Every failure of the application returns an error of its kind, and keeps no goroutine and no connection.
func TestABadAnswerIsNone(t *testing.T) {
	elsewhere := startApplication(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		t.Error("a redirect was followed")
		io.WriteString(w, `{"result":{}}`)
	})
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	for _, tt := range []struct {
		name   string
		want   Result
		answer func(w http.ResponseWriter, r *http.Request)
	}{
		{"garbage", BadReply, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }},
		{"empty", BadReply, func(w http.ResponseWriter, _ *http.Request) {}},
		{"neither", BadReply, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") }},
		{"both", BadReply, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"result":{},"error":{"code":1000}}`) }},
		{"error without a code", BadReply, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"error":{"message":"x"}}`) }},
		{"error code of the protocol", BadReply, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"error":{"code":399,"message":"x"}}`)
		}},
		{"longer user", BadReply, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"result":{"user":%q}}`, strings.Repeat("x", maxUser+1))
		}},
		{"code for no close frame", BadReply, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"disconnect":{"code":1006}}`) }},
		{"milliseconds", BadReply, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"result":{"expire_at":1900000000000}}`)
		}},
		{"no UTF-8", BadReply, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{\"result\":{\"data\":\"\xff\"}}") }},
		{"huge", BadReply, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"result":{"data":"`)
			for chunk := strings.Repeat("x", 1<<20); ; { // until the connection ends
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		}},
		{"valid, but longer than the limit", BadReply, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"result":{}}`+strings.Repeat(" ", MaxReply))
		}},
		{"500", BadStatus, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"result":{}}`, 500) }},
		{"redirect", BadStatus, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}},
		{"broken", Unreachable, func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }},
		{"hangs", TimedOut, func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-hang:
			}
		}},
		{"hangs in the middle", TimedOut, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"res`)
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-hang:
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := startApplication(t, func(w http.ResponseWriter, r *http.Request, _ string) { tt.answer(w, r) })
			timeout := patience
			if tt.want == TimedOut {
				timeout = 50 * time.Millisecond
			}
			c, seen := newClient(t, a.URL+"/HUSH", timeout)
			answer, err := c.Proxy(t.Context(), &Request{Event: "rpc"})
			if err == nil || seen.count(tt.want) == 0 || seen.count(OK) != 0 {
				t.Errorf("got %+v, %v, %v; want %s", answer, err, seen.of, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "HUSH") {
				t.Errorf("got %v, want no URL in it", err)
			}
			bodies, ids := a.heard()
			tries := 1
			if tt.want == Unreachable {
				tries = 2
			}
			if len(bodies) != tries || ids[0] != ids[len(ids)-1] {
				t.Errorf("got %d requests, ids %v; want %d with one id", len(bodies), ids, tries)
			}
		})
	}
}

func TestADeadApplicationIsAnError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	c, seen := newClient(t, "http://"+ln.Addr().String(), patience)
	if answer, err := c.Proxy(t.Context(), &Request{Event: "rpc"}); err == nil || seen.count(Unreachable) != 2 {
		t.Errorf("got %+v, %v, %v; want two failed attempts", answer, err, seen.of)
	}
}

func TestARefusalIsAnAnswer(t *testing.T) {
	said := `{"error":{"code":1000,"message":"no","temporary":true}}`
	a := startApplication(t, func(w http.ResponseWriter, _ *http.Request, _ string) { io.WriteString(w, said) })
	c, seen := newClient(t, a.URL, patience)
	got, err := c.Proxy(t.Context(), &Request{Event: "connect"})
	if err != nil || got.Error == nil || *got.Error != (Error{1000, "no", true}) {
		t.Fatalf("got %+v, %v", got, err)
	}
	said = `{"disconnect":{"code":4500,"reason":"go"}}`
	got, err = c.Proxy(t.Context(), &Request{Event: "connect"})
	if err != nil || got.Disconnect == nil || *got.Disconnect != (Disconnect{4500, "go"}) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if seen.count(Rejected) != 2 {
		t.Errorf("got %v, want two refusals", seen.of)
	}
}

func TestWhatIsToldIsTriedAgainWithItsID(t *testing.T) {
	var tries atomic.Int32
	a := startApplication(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		if tries.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	c, seen := newClient(t, a.URL, patience)
	run(t, c)
	c.Notify(&Request{Event: "disconnect", Client: "c1", Code: 3000, Reason: "gone", Seconds: 1.5})
	testkit.Eventually(t, "the second attempt to be heard", func() bool { return c.Waiting() == 0 })
	bodies, ids := a.heard()
	if len(bodies) != 2 || ids[0] != ids[1] || bodies[0] != bodies[1] || c.Dropped() != 0 || seen.count(OK) != 1 || seen.count(BadStatus) != 1 {
		t.Errorf("got %q, ids %v, %d dropped, %v", bodies, ids, c.Dropped(), seen.of)
	}
}

func TestWhatIsRefusedIsNotTriedAgain(t *testing.T) {
	for status, final := range map[int]bool{302: true, 400: true, 404: true, 410: true, 408: false, 429: false, 500: false, 503: false} {
		if finalStatus(status) != final {
			t.Errorf("%d: got %v, want %v", status, !final, final)
		}
	}
	a := startApplication(t, func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusNotFound) })
	c, _ := newClient(t, a.URL, patience)
	run(t, c)
	c.Notify(&Request{Event: "disconnect"})
	testkit.Eventually(t, "the event to be given up", func() bool { return c.Dropped() == 1 && c.Waiting() == 0 })
	if bodies, _ := a.heard(); len(bodies) != 1 {
		t.Errorf("got %d attempts, want 1", len(bodies))
	}
}

// The queue for an application that does not respond is bounded. The rest is dropped and counted.
func TestTheQueueIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reason string
		most   int
	}{
		{"in number", "gone", maxQueue + senders},
		{"in bytes", strings.Repeat("x", 10<<10), maxQueueBytes / (10 << 10)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := newClient(t, "http://127.0.0.1:1", patience)
			const n = maxQueue + 1000
			for range n {
				c.Notify(&Request{Event: "disconnect", Reason: tt.reason})
			}
			if c.Waiting() > tt.most || c.bytes.Load() > maxQueueBytes || int(c.Dropped())+c.Waiting() != n {
				t.Errorf("got %d that wait, of %d bytes, and %d dropped, of %d", c.Waiting(), c.bytes.Load(), c.Dropped(), n)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			c.Run(ctx)
			if c.Waiting() != 0 || c.bytes.Load() != 0 || c.Dropped() != n {
				t.Errorf("at the end: got %d that wait, of %d bytes, and %d dropped; want all dropped", c.Waiting(), c.bytes.Load(), c.Dropped())
			}
			c.Notify(&Request{Event: "disconnect"})
			if c.Waiting() != 0 || c.Dropped() != n+1 {
				t.Error("a notification after the end: want it dropped")
			}
		})
	}
}

func TestAFlushDeliversAll(t *testing.T) {
	a := startApplication(t, func(http.ResponseWriter, *http.Request, string) {})
	c, _ := newClient(t, a.URL, patience)
	for i := range 100 {
		c.Notify(&Request{Event: "disconnect", Client: fmt.Sprint(i)})
	}
	stop := run(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c.Flush(ctx)
	stop()
	heard := map[string]bool{}
	bodies, _ := a.heard()
	for _, b := range bodies {
		heard[b] = true
	}
	if len(heard) != 100 || c.Dropped() != 0 {
		t.Errorf("got %d events and %d dropped, want all 100", len(heard), c.Dropped())
	}
}

// During Flush, a notification that waits for its next attempt is sent at once, and only once more.
func TestAFlushDoesNotWaitForPauses(t *testing.T) {
	a := startApplication(t, func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(500) })
	c, _ := newClient(t, a.URL, patience)
	run(t, c)
	for range 3 * senders {
		c.Notify(&Request{Event: "disconnect"})
	}
	testkit.Eventually(t, "first attempts", func() bool { bodies, _ := a.heard(); return len(bodies) >= senders })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c.Flush(ctx)
	if ctx.Err() != nil || c.Dropped() != 3*senders {
		t.Errorf("got %v, %d dropped; want the flush to end, and all dropped", ctx.Err(), c.Dropped())
	}
}

// An attempt that began before Flush and failed is not the last one.
func TestAFlushGivesEachEventAnAttemptMore(t *testing.T) {
	var tries atomic.Int32
	failing := make(chan struct{})
	a := startApplication(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		if tries.Add(1) == 1 {
			<-failing
			w.WriteHeader(500)
		}
	})
	c, _ := newClient(t, a.URL, patience)
	run(t, c)
	c.Notify(&Request{Event: "disconnect"})
	testkit.Eventually(t, "the first attempt", func() bool { return tries.Load() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		c.Flush(ctx)
	}()
	testkit.Eventually(t, "the flush", c.flushing)
	close(failing)
	<-flushed
	if bodies, _ := a.heard(); len(bodies) != 2 || c.Dropped() != 0 || c.Waiting() != 0 {
		t.Errorf("got %d attempts, %d dropped, %d that wait; want 2, 0, 0", len(bodies), c.Dropped(), c.Waiting())
	}
}

func TestAStopEndsWhatHangs(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	a := startApplication(t, func(_ http.ResponseWriter, r *http.Request, _ string) {
		select {
		case <-r.Context().Done():
		case <-hang:
		}
	})
	c, _ := newClient(t, a.URL, time.Hour)
	stop := run(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	proxied := make(chan error, 1)
	go func() {
		_, err := c.Proxy(ctx, &Request{Event: "rpc"})
		proxied <- err
	}()
	c.Notify(&Request{Event: "disconnect"})
	testkit.Eventually(t, "both to be under way", func() bool { bodies, _ := a.heard(); return len(bodies) == 2 })
	cancel()
	select {
	case err := <-proxied:
		if f := (*failure)(nil); !errors.As(err, &f) {
			t.Errorf("got %v, want a failure", err)
		}
	case <-time.After(patience):
		t.Error("the proxy request did not end")
	}
	stop()
	if c.Waiting() != 0 || c.Dropped() != 1 {
		t.Errorf("got %d that wait, %d dropped; want 0, 1", c.Waiting(), c.Dropped())
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"result":{}}`, `{"error":{"code":1000,"message":"m","temporary":true}}`, `{"disconnect":{"code":4000,"reason":"r"}}`,
		`{"result":{"user":"u","info":{"a": 1},"data":[1,2],"meta":{},"channels":["a"],"subs":{"b":{"info":1}},"expire_at":1900000000,"skip_history":true,"tags":{"a":"b"}}}`,
		`{"result":{"b64info":"AA==","b64data":"_"}}`, `{"result":null,"error":null}`, `[]`, "{\"result\":{\"data\":\"a\\n\"}}\n", `{"result":{"data":` + strings.Repeat("[", 200),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := parseReply(text)
		if err != nil {
			return
		}
		if a.Error != nil && (a.Error.Code == 0 || a.Disconnect != nil) {
			t.Errorf("got %+v", a.Error)
		}
		if a.Disconnect != nil && (a.Disconnect.Code < 3000 || a.Disconnect.Code > 4999) {
			t.Errorf("got %+v", a.Disconnect)
		}
		if a.Meta != nil && (!json.Valid(a.Meta) || strings.ContainsAny(string(a.Meta), "\r\n")) {
			t.Errorf("got meta %q, want JSON in one line", a.Meta)
		}
		size := len(a.User) + len(a.Info) + len(a.Data) + len(a.Meta)
		for name, sub := range a.Subs {
			size += len(name) + len(sub.Info) + len(sub.Data)
		}
		if size > 3*len(text) {
			t.Errorf("got %d bytes out of %d", size, len(text))
		}
		if !a.ExpireAt.IsZero() && a.ExpireAt.Unix() > maxInstant {
			t.Errorf("got %v", a.ExpireAt)
		}
	})
}

// PHP encodes an empty array of either kind as [].
func TestAnEmptyArrayIsAnEmptyObject(t *testing.T) {
	for _, text := range []string{
		`{"result":[]}`, `{"result": [ ] }`, `{"result":{"subs":[],"tags":[]}}`, `{"result":{}}`,
	} {
		a, err := parseReply([]byte(text))
		if err != nil || a.Error != nil || a.Disconnect != nil || len(a.Subs)+len(a.Tags) != 0 {
			t.Errorf("%s: got %+v, %v; want an empty result", text, a, err)
		}
	}
	a, err := parseReply([]byte(`{"result":{"subs":{"x":[],"y":{"info":[]}},"info":[],"data":[],"channels":[]}}`))
	if err != nil || len(a.Subs) != 2 || string(a.Subs["y"].Info) != "[]" || string(a.Info) != "[]" || string(a.Data) != "[]" {
		t.Errorf("got %+v, %v; want two rooms, and JSON of the application unchanged", a, err)
	}
	for _, text := range []string{`[]`, `{"result":[1]}`, `{"result":{"tags":[[]]}}`, `{"result":{"user":[]}}`, `{"error":[]}`, `{"disconnect":[]}`} {
		if a, err := parseReply([]byte(text)); err == nil {
			t.Errorf("%s: got %+v, want an error", text, a)
		}
	}
}

// The error of an invalid reply names JSON types: its readers do not know the Go types.
func TestABadAnswerIsToldInTermsOfJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"result":{"user":5}}`:                   "user: a JSON number",
		`{"result":{"subs":{"x":{"b64info":5}}}}`: "b64info: a JSON number",
		`{"result":{"tags":{"k":5}}}`:             "a JSON number",
		`{"result":5}`:                            "a JSON number",
		`{"error":{"code":"x"}}`:                  "code: a JSON string",
		`{"error":{"code":0}}`:                    "error.code = 0: want 400 or more",
		`{"error":{"code":103}}`:                  "error.code = 103: want 400 or more",
		`{"result":{"user":"` + strings.Repeat("x", maxUser+1) + `"}}`: "result.user: 4097 bytes, want 4096 at most",
		`{"disconnect":{"code":-1}}`:                                   "code: a JSON number",
		`[1]`:                                                          "a JSON array",
		`{`:                                                            "not JSON",
	} {
		_, err := parseReply([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Go ") || strings.Contains(err.Error(), "json:") {
			t.Errorf("%s: got %v, want an error that says %q, and no types of Go", text, err, want)
		}
	}
}

func TestAnAnswerAtItsLimits(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", maxUser)
	if a, err := parseReply([]byte(`{"result":{"user":"` + longest + `"}}`)); err != nil || a.User != longest {
		t.Errorf("the longest user: got %v, want it", err)
	}
	for _, code := range []uint32{minErrorCode, 1999, 5000} {
		if a, err := parseReply(fmt.Appendf(nil, `{"error":{"code":%d}}`, code)); err != nil || a.Error.Code != code {
			t.Errorf("error code %d: got %v, want it", code, err)
		}
	}
}
