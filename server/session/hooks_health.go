package session

import (
	"sync"
	"time"

	"github.com/throng-chat/throng/server/webhook"
)

// hooksHealth has the last result of the requests of each event. Any goroutine may use it.
type hooksHealth struct {
	mu     sync.Mutex // a leaf
	events map[string]HookHealth
}

// HookHealth is the health of the webhook for one event.
type HookHealth struct {
	OK       bool       `json:"ok"`
	Result   string     `json:"result,omitempty"` // of the last request, as in throng_webhook_requests_total; empty before the first
	At       *time.Time `json:"at,omitempty"`     // of the last request
	Failures int        `json:"failures"`         // in a row
}

func newHooksHealth() *hooksHealth { return &hooksHealth{events: map[string]HookHealth{}} }

// setEvents replaces the events that are configured. An event that stays keeps its last result.
func (hh *hooksHealth) setEvents(events []string) {
	hh.mu.Lock()
	defer hh.mu.Unlock()
	before := hh.events
	hh.events = map[string]HookHealth{}
	for _, event := range events {
		e, ok := before[event]
		if !ok {
			e = HookHealth{OK: true}
		}
		hh.events[event] = e
	}
}

// note records the result of a request. A reply with an error or a disconnect counts as healthy.
func (hh *hooksHealth) note(event string, r webhook.Result, now time.Time) {
	hh.mu.Lock()
	defer hh.mu.Unlock()
	if _, configured := hh.events[event]; !configured {
		return // a reload has removed it
	}
	e := HookHealth{OK: r == webhook.OK || r == webhook.Rejected, Result: string(r), At: &now}
	if !e.OK {
		e.Failures = hh.events[event].Failures + 1
	}
	hh.events[event] = e
}

// All returns the health of each event.
func (hh *hooksHealth) All() map[string]HookHealth {
	hh.mu.Lock()
	defer hh.mu.Unlock()
	all := make(map[string]HookHealth, len(hh.events))
	for event, e := range hh.events {
		all[event] = e
	}
	return all
}
