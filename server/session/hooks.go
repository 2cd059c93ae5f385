package session

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/tracing"
	"github.com/throng-chat/throng/server/webhook"
)

// Hooks sends the proxy requests and event notifications of all sessions. A proxy request runs on a worker, and the next command of the session
// waits for the reply. Without a reply the command fails with error 100. A nil *Hooks sends nothing, nor does one without a URL.
type Hooks struct {
	events atomic.Pointer[[]string] // to send; none without a URL

	Client  *webhook.Client // nil before the first URL; constant from then on
	started chan struct{}   // closed when Client is set

	AdmissionWorkers *workers       // proxy requests of connect and subscribe, plain clients included; slow requests of publish and rpc do not delay them
	CallWorkers      *workers       // proxy requests of publish and rpc
	Plain            *limiter.Slots // handshakes of plain clients that wait for the application
	Health           *hooksHealth
	log              *slog.Logger
	metrics          *metrics.Metrics
	requests         *prometheus.CounterVec
	seconds          *prometheus.HistogramVec
	logLimit         rate.Sometimes

	Life context.Context // context of all requests
	End  context.CancelFunc

	tracer *tracing.Tracer
}

// The events of the webhook.
const (
	OnConnect    = "connect"
	OnSubscribe  = "subscribe"
	OnPublish    = "publish"
	OnRPC        = "rpc"
	OnDisconnect = "disconnect"
	OnNotify     = "notify"
)

// AllEvents are all events of the webhook.
var AllEvents = []string{OnConnect, OnSubscribe, OnPublish, OnRPC, OnDisconnect, OnNotify}

// maxQueuedRequests is the number of sessions that wait for a worker, for each of the two groups of workers. Each holds one command in memory. It
// waits for the webhook timeout at most, and then for the reply.
const maxQueuedRequests = 4096

// PausedRoomOverhead is about the memory in bytes for each requested room of a connect that waits: far more than in the command.
const PausedRoomOverhead = 256

// HooksConfig has the settings of the webhook, the table [webhooks]: the tags are those of server/settings.
type HooksConfig struct {
	URL     string        `name:"url" reload:"yes"`                                   // empty for no webhook
	Secret  string        `name:"secret" reload:"yes" secret:"THRONG_WEBHOOK_SECRET"` // signs each request
	Events  []string      `name:"events" reload:"yes"`                                // to send, some of AllEvents
	Timeout time.Duration `name:"timeout" reload:"yes" default:"3s" min:"100ms" max:"30s"`

	Handler webhook.Handler `kong:"-"` // of a program that embeds throng, instead of URL and Secret; not a setting
}

// On reports whether events go somewhere.
func (hc *HooksConfig) On() bool { return hc.URL != "" || hc.Handler != nil }

// NewHooks returns hooks that send the events of cfg: none without a URL. tracer is nil for no traces.
func NewHooks(cfg HooksConfig, log *slog.Logger, m *metrics.Metrics, tracer *tracing.Tracer) (*Hooks, error) {
	h := &Hooks{
		started:          make(chan struct{}),
		AdmissionWorkers: NewWorkers(webhook.MaxAdmissions, maxQueuedRequests, cfg.Timeout),
		CallWorkers:      NewWorkers(webhook.MaxCalls, maxQueuedRequests, cfg.Timeout),
		Plain:            limiter.NewSlots(MaxPlainWaiting, true),
		Health:           newHooksHealth(),
		log:              log,
		metrics:          m,
		logLimit:         logqueue.EverySecond(),
		tracer:           tracer,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "throng_webhook_requests_total", Help: "Attempts of webhook requests, by event and result.",
		}, []string{"event", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "throng_webhook_seconds", Help: "Duration of the attempts of webhook requests, by event.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16), // 1 ms to 33 s
		}, []string{"event"}),
	}
	h.events.Store(new([]string))
	h.Life, h.End = context.WithCancel(context.Background())
	use, err := h.Prepare(cfg)
	if err != nil {
		return nil, err
	}
	use()
	return h, nil
}

// Prepare checks settings that replace those of now. use puts them into use: requests that begin from then on have them, also those of
// commands and notifications that wait. Without a URL these have the URL of before. One call of use runs at a time; it does not block. The error
// is about the secret.
func (h *Hooks) Prepare(cfg HooksConfig) (use func(), err error) {
	if !cfg.On() {
		return func() { h.events.Store(new([]string)) }, nil
	}
	to := webhook.Config{URL: cfg.URL, Secret: cfg.Secret, Timeout: cfg.Timeout, Handler: cfg.Handler}
	var begin func()
	if h.Client != nil {
		begin, err = h.Client.Prepare(to)
	} else {
		var client *webhook.Client
		client, err = webhook.New(to, h.log, h.observe, h.tracer)
		begin = func() { h.start(client) }
	}
	if err != nil {
		return nil, err
	}
	return func() {
		begin()
		h.AdmissionWorkers.setTimeout(cfg.Timeout)
		h.CallWorkers.setTimeout(cfg.Timeout)
		for _, event := range cfg.Events {
			for _, result := range webhook.Results {
				h.requests.WithLabelValues(event, string(result))
			}
			h.seconds.WithLabelValues(event)
		}
		h.Health.setEvents(cfg.Events)
		h.events.Store(&cfg.Events)
	}, nil
}

// observe counts an attempt of a request.
func (h *Hooks) observe(event string, r webhook.Result, took time.Duration) {
	h.requests.WithLabelValues(event, string(r)).Inc()
	h.seconds.WithLabelValues(event).Observe(took.Seconds())
	h.Health.note(event, r, time.Now())
}

// start begins to use the first client, and registers the metrics of the webhook.
func (h *Hooks) start(c *webhook.Client) {
	h.Client = c
	h.metrics.Registry.MustRegister(h.requests, h.seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_webhook_queue", Help: "Event notifications in the queue.",
		}, func() float64 { return float64(c.Waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_webhook_waiting", Help: "Commands and handshakes that wait for a worker of proxy requests.",
		}, func() float64 { return float64(h.Waiting()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "throng_webhook_dropped_total", Help: "Event notifications dropped because the queue was full or all attempts failed.",
		}, func() float64 { return float64(c.Dropped()) }))
	close(h.started)
}

// On reports whether a webhook is configured.
func (h *Hooks) On() bool { return h != nil && len(*h.events.Load()) > 0 }

// hasStarted reports whether a webhook has been configured: there is a Client.
func (h *Hooks) hasStarted() bool {
	if h == nil {
		return false
	}
	select {
	case <-h.started:
		return true
	default:
		return false
	}
}

// Run sends event notifications until Stop.
func (h *Hooks) Run() {
	if h == nil {
		return
	}
	select {
	case <-h.started:
		h.Client.Run(h.Life)
	case <-h.Life.Done():
	}
}

// Flush sends the queued event notifications, for at most limit.
func (h *Hooks) Flush(limit time.Duration) {
	if !h.hasStarted() {
		return
	}
	ctx, cancel := context.WithTimeout(h.Life, limit)
	defer cancel()
	h.Client.Flush(ctx)
}

// Stop cancels all requests and waits for their workers. No session may send a request after it.
func (h *Hooks) Stop() {
	if h != nil {
		h.End()
		h.AdmissionWorkers.Wait()
		h.CallWorkers.Wait()
	}
}

// wants reports whether the webhook is configured for an event.
func (h *Hooks) wants(event string) bool { return h != nil && slices.Contains(*h.events.Load(), event) }

func (h *Hooks) logFailure(event string, err error) {
	h.logLimit.Do(func() {
		h.log.Warn("webhook failed; logged at most once per second", "event", event, "error", err)
	})
}

// workersOf returns the workers for proxy requests of an event.
func (h *Hooks) workersOf(event string) *workers {
	if event == OnConnect || event == OnSubscribe {
		return h.AdmissionWorkers
	}
	return h.CallWorkers
}

// Waiting returns the number of commands and handshakes that wait for a worker.
func (h *Hooks) Waiting() int { return h.AdmissionWorkers.Length() + h.CallWorkers.Length() }
