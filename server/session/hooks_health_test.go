package session

import (
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/webhook"
)

func TestHooksHealthCountsFailuresInARow(t *testing.T) {
	h := newHooksHealth()
	h.setEvents([]string{OnConnect, OnPublish})
	now := time.Now()
	for _, r := range []webhook.Result{webhook.TimedOut, webhook.BadStatus} {
		h.note(OnConnect, r, now)
	}
	if got, want := h.All()[OnConnect], (HookHealth{false, "status", &now, 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	h.note(OnConnect, webhook.Rejected, now) // the application rejects: it is healthy
	if got, want := h.All()[OnConnect], (HookHealth{true, "refused", &now, 0}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := h.All()[OnPublish]; got.At != nil || !got.OK {
		t.Errorf("got %+v of another event, want nothing yet", got)
	}
}

// An event that stays keeps its last result. A late result of one that was removed does not list it again.
func TestHooksHealthFollowsTheEvents(t *testing.T) {
	h := newHooksHealth()
	h.setEvents([]string{OnConnect, OnPublish})
	now := time.Now()
	h.note(OnConnect, webhook.TimedOut, now)
	h.setEvents([]string{OnConnect, OnRPC})
	h.note(OnPublish, webhook.TimedOut, now)
	if got, want := h.All(), (map[string]HookHealth{OnConnect: {false, "timeout", &now, 1}, OnRPC: {OK: true}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The timeout holds for the next request, and for tasks that wait for a worker.
func TestTheTimeoutOfTheWebhookIsReplaced(t *testing.T) {
	cfg := HooksConfig{URL: "http://127.0.0.1:9/", Secret: "0123456789abcdef", Events: []string{OnRPC}, Timeout: time.Second}
	h, err := NewHooks(cfg, slog.New(slog.DiscardHandler), metrics.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, timeout := range []time.Duration{2 * time.Second, 5 * time.Second} {
		cfg.Timeout = timeout
		use, err := h.Prepare(cfg)
		if err != nil {
			t.Fatal(err)
		}
		use()
		if got := []time.Duration{h.AdmissionWorkers.timeout(), h.CallWorkers.timeout(), h.Client.Timeout()}; got[0] != timeout || got[1] != timeout || got[2] != timeout {
			t.Errorf("got %v, want %v", got, timeout)
		}
	}
	cfg.Secret = "whsec_###"
	if _, err := h.Prepare(cfg); err == nil || !h.wants(OnRPC) {
		t.Errorf("got %v, want an error about the secret, and the events from before", err)
	}
}
