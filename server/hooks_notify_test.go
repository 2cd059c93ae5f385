package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

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
	session.Conn.Poller().Post(func() {
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
