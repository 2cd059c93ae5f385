package server

import (
	"fmt"
	"net/http"
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

// serveReady is GET /readyz.
func (a *admin) serveReady(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusOK, "ready"
	if a.hub.Draining.Load() {
		status, text = http.StatusServiceUnavailable, "draining"
	}
	if !r.URL.Query().Has("verbose") {
		answer(w, status, text)
		return
	}
	live := a.hub.Live.Load()
	checks := map[string]check{
		"accepting":   {OK: status == http.StatusOK},
		"connections": {OK: live < a.hub.MaxLive, Detail: fmt.Sprintf("%d of %d", live, a.hub.MaxLive)},
	}
	if h := a.hooks; h != nil {
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
