package edge

import (
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/web"
	"github.com/throng-chat/throng/server/wheel"
)

const (
	keepAliveTimeout = 75 * time.Second // of an HTTP connection without a request
	requestRate      = 2000             // HTTP requests per second without a valid API key, of all clients; more requests wait
	requestBurst     = 200
)

// Edge handles the requests of the public port: it authorizes handshakes and responds to the other requests. It is constant after
// the last Listen, except for rules. Its parts with a state of their own have locks.
type Edge struct {
	log      *slog.Logger
	metrics  *metrics.Metrics
	logLimit rate.Sometimes // for connections that were not added to the event loop

	// Each kind of rejection has its own limit, so that a frequent one does not hide the other.
	logHost, logOrigin rate.Sometimes

	sessions *session.Sessions
	hooks    *session.Hooks
	api      *api.API // used while it serves this port

	Pending     *Pending
	IdleTimeout time.Duration     // of an HTTP connection without a request
	tick        func() wheel.Tick // of the engine, for TLS

	ConnectRate *connectRate
	Fallbacks   *fallbacks // nil if the HTTP fallbacks are off
	Guests      *guests
	Requests    *rate.Limiter // rate of HTTP requests without a valid API key

	rules        atomic.Pointer[rules]
	proxies      proxies
	listens      bool // Listen was called
	loopback     bool // the first port listens on a loopback address
	redirectPort int  // of https, for requests to the plain port; 0 to handle them
	compression  bool // permessage-deflate is accepted
}

// Config has the settings of the public port.
type Config struct {
	Hosts                  origin.Hosts
	Origins                []string
	TrustedProxies         []string
	MaxConnectionsAddress  int // 0 for no limit
	Compression            bool
	RedirectPort           int           // of https, for requests to the plain port; 0 to handle them
	RateConnectionsAddress int           // new connections per second from one address; 0 for no limit
	Fallback               bool          // the HTTP fallbacks are on
	PingTimeout            time.Duration // for the peer of an HTTP fallback to acknowledge a ping
	Page                   web.Options
}

// New returns an Edge that does not listen. It serves a while that is on the public port.
func New(cfg Config, h *session.Sessions, a *api.API, m *metrics.Metrics, log *slog.Logger) (*Edge, error) {
	e := &Edge{
		log:          log,
		metrics:      m,
		logLimit:     logqueue.EverySecond(),
		logHost:      logqueue.EverySecond(),
		logOrigin:    logqueue.EverySecond(),
		sessions:     h,
		hooks:        h.Hooks,
		api:          a,
		IdleTimeout:  keepAliveTimeout,
		tick:         h.Clock.Tick,
		Guests:       NewGuests(),
		Requests:     rate.NewLimiter(requestRate, requestBurst),
		compression:  cfg.Compression,
		redirectPort: cfg.RedirectPort,
	}
	var err error
	if e.proxies, err = ParseProxies(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	e.Pending = newPending(log, m, func() int {
		// Connections that are being closed have descriptors too. A full server needs a few more, to send rejections.
		return max(MinSockets, int(h.Limits().MaxLive)-2*MinSockets-int(h.Live.Load()))
	})
	e.Pending.release = h.ReleaseAddress
	e.Pending.watch(m)
	if cfg.Fallback {
		e.Fallbacks = newFallbacks(cfg.PingTimeout)
	}
	e.ConnectRate = newConnectRate(cfg.RateConnectionsAddress, e.proxies)
	use, err := e.Prepare(cfg)
	if err != nil {
		return nil, err
	}
	use()
	return e, nil
}
