package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/webhook"
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

// startHooked runs a server with a webhook for the events that the application has replies for, and for disconnect. Unless change sets another
// timeout, a proxy request has the time that it needs, however slow the machine is.
func startHooked(t testing.TB, a *application, change func(*Config)) *Server {
	t.Helper()
	const longest = 30 * time.Second // in the settings
	return startPrepared(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.OtherRooms = chat.RoomsOpen
		c.Webhooks.URL, c.Webhooks.Secret, c.Webhooks.Timeout = a.URL, hookSecret, longest
		c.Webhooks.Events = []string{session.OnDisconnect}
		for event := range a.answers {
			if event != session.OnDisconnect {
				c.Webhooks.Events = append(c.Webhooks.Events, event)
			}
		}
		if change != nil {
			change(c)
		}
	}, func(s *Server) {
		unlimited := s.cfg.Webhooks
		if unlimited.Timeout != longest {
			return
		}
		unlimited.Timeout = time.Hour
		use, err := s.sessions.Hooks.Prepare(unlimited)
		if err != nil {
			t.Fatal(err)
		}
		use()
	})
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
