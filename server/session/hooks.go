package session

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/webhook"
)

// Hooks is the application's say in what happens. A session asks off the loop, and its next command waits for the answer;
// where there is none the command fails. A nil *hooks asks and tells nothing.
type Hooks struct {
	Client    *webhook.Client
	events    []string
	Admitters *workers        // for connect and subscribe, of plain clients too: calls that take long hold up nobody who comes in
	Askers    *workers        // for publish and rpc
	Plain     *limiter.Places // of handshakes of plain clients that wait for the application
	Health    *hooksHealth
	log       *slog.Logger
	complaint rate.Sometimes

	Life context.Context // of every request
	End  context.CancelFunc
}

// What webhooks are sent for.
const (
	OnConnect    = "connect"
	OnSubscribe  = "subscribe"
	OnPublish    = "publish"
	OnRPC        = "rpc"
	OnDisconnect = "disconnect"
)

var AllEvents = []string{OnConnect, OnSubscribe, OnPublish, OnRPC, OnDisconnect}

// maxAsked is how many sessions may wait for their turn to ask, for each of the two kinds of workers; each has one command in memory. One waits for the time-out of
// an answer at most, and then for the answer.
const maxAsked = 4096

// HeldWish is what a room that connect wishes for takes while the command waits, in bytes, about: far more than in the command.
const HeldWish = 256

// HooksConfig is what hooks have to be told. It has the fields of WebhookConfig, so that one converts to the other.
type HooksConfig struct {
	URL     string        // empty for no webhooks
	Secret  string        // signs each request
	Events  []string      // of allEvents
	Timeout time.Duration // for one answer
}

// NewHooks is nil where no webhook is configured.
func NewHooks(cfg HooksConfig, log *slog.Logger, m *metrics.Metrics) (*Hooks, error) {
	if cfg.URL == "" {
		return nil, nil
	}
	h := &Hooks{
		events:    cfg.Events,
		Admitters: NewWorkers(webhook.MaxAdmitting, maxAsked, cfg.Timeout),
		Askers:    NewWorkers(webhook.MaxAsking, maxAsked, cfg.Timeout),
		Plain:     limiter.NewPlaces(MaxAskedPlain, true),
		Health:    newHooksHealth(cfg.Events),
		log:       log,
		complaint: logqueue.EverySecond(),
	}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_webhook_requests_total", Help: "Requests to the application, each attempt, by event and by what came of it.",
	}, []string{"event", "result"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "throng_webhook_seconds", Help: "How long requests to the application took, by event.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 16), // 1 ms to 33 s
	}, []string{"event"})
	for _, event := range cfg.Events {
		for _, result := range webhook.Results {
			requests.WithLabelValues(event, string(result))
		}
		seconds.WithLabelValues(event)
	}
	var err error
	h.Client, err = webhook.New(webhook.Config{URL: cfg.URL, Secret: cfg.Secret, Timeout: cfg.Timeout}, log,
		func(event string, r webhook.Result, took time.Duration) {
			requests.WithLabelValues(event, string(r)).Inc()
			seconds.WithLabelValues(event).Observe(took.Seconds())
			h.Health.note(event, r, time.Now())
		})
	if err != nil {
		return nil, err
	}
	m.Registry.MustRegister(requests, seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_webhook_queue", Help: "Events that wait to be told to the application.",
		}, func() float64 { return float64(h.Client.Waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_webhook_waiting", Help: "Commands that wait for their turn to be asked about.",
		}, func() float64 { return float64(h.Waiting()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "throng_webhook_dropped_total", Help: "Events that the application was not told: the queue was full, or every attempt failed.",
		}, func() float64 { return float64(h.Client.Dropped()) }))
	h.Life, h.End = context.WithCancel(context.Background())
	return h, nil
}

// Run tells what is to be told, until stop.
func (h *Hooks) Run() {
	if h != nil {
		h.Client.Run(h.Life)
	}
}

// Flush tells what is left, for so long at most.
func (h *Hooks) Flush(limit time.Duration) {
	if h == nil {
		return
	}
	ctx, cancel := context.WithTimeout(h.Life, limit)
	defer cancel()
	h.Client.Flush(ctx)
}

// Stop ends every request, and waits for that. No session may ask any more.
func (h *Hooks) Stop() {
	if h != nil {
		h.End()
		h.Admitters.Wait()
		h.Askers.Wait()
	}
}

// wants says whether webhooks are sent for an event.
func (h *Hooks) wants(event string) bool { return h != nil && slices.Contains(h.events, event) }

func (h *Hooks) complain(event string, err error) {
	h.complaint.Do(func() {
		h.log.Warn("webhook failed; others may follow unnamed", "event", event, "error", err)
	})
}

// workersOf asks about an event.
func (h *Hooks) workersOf(event string) *workers {
	if event == OnConnect || event == OnSubscribe {
		return h.Admitters
	}
	return h.Askers
}

// Waiting is how many commands and handshakes wait for their turn.
func (h *Hooks) Waiting() int { return h.Admitters.Length() + h.Askers.Length() }

// MaxAskedPlain is how many handshakes of plain clients may wait for the application: each costs a socket and a goroutine.
const MaxAskedPlain = 512
