package server

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/webhook"
)

// readiness is the answer to GET /readyz?verbose. Only "accepting" decides whether the server is ready: it serves its clients while
// the application is down, and a balancer that took it out for that would end them all.
type readiness struct {
	Status string           `json:"status"` // "ready" or "draining"
	Checks map[string]check `json:"checks"`
}

type check struct {
	OK     bool                  `json:"ok"`
	Detail string                `json:"detail,omitempty"`
	Events map[string]hookHealth `json:"events,omitempty"` // of webhooks
}

// hookHealth is what came of the requests to the application for one event.
type hookHealth struct {
	OK       bool       `json:"ok"`
	Result   string     `json:"result,omitempty"` // of the last request, as in throng_webhook_requests_total; empty before the first
	At       *time.Time `json:"at,omitempty"`     // of the last request
	Failures int        `json:"failures"`         // in a row
}

// serveReady is GET /readyz.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusOK, "ready"
	if s.hub.draining.Load() {
		status, text = http.StatusServiceUnavailable, "draining"
	}
	if !r.URL.Query().Has("verbose") {
		answer(w, status, text)
		return
	}
	live := s.hub.live.Load()
	checks := map[string]check{
		"accepting":   {OK: status == http.StatusOK},
		"connections": {OK: live < s.hub.maxLive, Detail: fmt.Sprintf("%d of %d", live, s.hub.maxLive)},
	}
	if h := s.hub.hooks; h != nil {
		c := check{OK: true, Events: h.health.all()}
		for _, e := range c.Events {
			c.OK = c.OK && e.OK
		}
		c.Detail = fmt.Sprintf("%d commands wait for their turn, %d notifications to be sent, %d were dropped",
			h.waiting(), h.client.Waiting(), h.client.Dropped())
		checks["webhooks"] = c
	}
	answer(w, status, readiness{text, checks})
}

// hooksHealth is the last result of each event's requests. It may be used by any goroutine.
type hooksHealth struct {
	mu     sync.Mutex // a leaf
	events map[string]hookHealth
}

func newHooksHealth(events []string) *hooksHealth {
	h := &hooksHealth{events: map[string]hookHealth{}}
	for _, event := range events {
		h.events[event] = hookHealth{OK: true}
	}
	return h
}

// note is called after each request. An application that says no is well.
func (h *hooksHealth) note(event string, r webhook.Result, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := hookHealth{OK: r == webhook.OK || r == webhook.Refused, Result: string(r), At: &now}
	if !e.OK {
		e.Failures = h.events[event].Failures + 1
	}
	h.events[event] = e
}

func (h *hooksHealth) all() map[string]hookHealth {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make(map[string]hookHealth, len(h.events))
	for event, e := range h.events {
		all[event] = e
	}
	return all
}
