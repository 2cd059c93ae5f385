package session

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/webhook"
)

// hooksHealth is the last result of each event's requests. It may be used by any goroutine.
type hooksHealth struct {
	mu     sync.Mutex // a leaf
	events map[string]HookHealth
}

// HookHealth is what came of the requests to the application for one event.
type HookHealth struct {
	OK       bool       `json:"ok"`
	Result   string     `json:"result,omitempty"` // of the last request, as in throng_webhook_requests_total; empty before the first
	At       *time.Time `json:"at,omitempty"`     // of the last request
	Failures int        `json:"failures"`         // in a row
}

func newHooksHealth(events []string) *hooksHealth {
	h := &hooksHealth{events: map[string]HookHealth{}}
	for _, event := range events {
		h.events[event] = HookHealth{OK: true}
	}
	return h
}

// note is called after each request. An application that says no is well.
func (hh *hooksHealth) note(event string, r webhook.Result, now time.Time) {
	hh.mu.Lock()
	defer hh.mu.Unlock()
	e := HookHealth{OK: r == webhook.OK || r == webhook.Refused, Result: string(r), At: &now}
	if !e.OK {
		e.Failures = hh.events[event].Failures + 1
	}
	hh.events[event] = e
}

func (hh *hooksHealth) All() map[string]HookHealth {
	hh.mu.Lock()
	defer hh.mu.Unlock()
	all := make(map[string]HookHealth, len(hh.events))
	for event, e := range hh.events {
		all[event] = e
	}
	return all
}
