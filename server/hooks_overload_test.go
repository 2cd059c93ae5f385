package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/centrifugal/protocol"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/webhook"
	"github.com/throng-chat/throng/server/ws"
)

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
	if got := len(a.of(session.OnRPC)); got != webhook.MaxCalls {
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
