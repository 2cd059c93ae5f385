package edge

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/web"
)

const (
	keptTimeout  = 75 * time.Second // a connection without a request
	requestRate  = 2000             // HTTP requests a second, of all who do not show the API key; more wait
	requestBurst = 200
)

// Edge is the public port behind its Door: it decides which connections become members, and answers the other requests. Constant
// after Open; what changes has an owner or a lock of its own.
type Edge struct {
	log       *slog.Logger
	metrics   *metrics.Metrics
	complaint rate.Sometimes // of requests that are refused
	hub       *session.Sessions
	hooks     *session.Hooks // nil for none
	api       *api.API       // nil where it is not on this port
	page      http.Handler   // of all other paths

	Handshakes *Handshakes
	KeepFor    time.Duration // an HTTP connection without a request

	Arrivals *arrivals
	Guests   *guests
	Requests *rate.Limiter // of anybody who does not show the API key

	proxies         proxies
	origins         origin.Allowed
	hosts           origin.Hosts
	checksHost      bool
	countsAddresses bool // a socket counts for its address from the accept on
}

// Config is the part of Config that is about the public port.
type Config struct {
	Listen                 string // host:port
	Hosts                  origin.Hosts
	Origins                []string
	TrustedProxies         []string
	MaxConnections         int
	MaxConnectionsAddress  int // 0 for any number
	RateConnectionsAddress int // new connections a second from one address; 0 for any number
}

// newEdge is Open without the door.
func newEdge(cfg Config, h *session.Sessions, a *api.API, m *metrics.Metrics, log *slog.Logger) (*Edge, error) {
	e := &Edge{
		log:             log,
		metrics:         m,
		complaint:       logqueue.EverySecond(),
		hub:             h,
		hooks:           h.Hooks,
		api:             a,
		page:            web.Handler(),
		KeepFor:         keptTimeout,
		Guests:          NewGuests(),
		Requests:        rate.NewLimiter(requestRate, requestBurst),
		hosts:           cfg.Hosts,
		countsAddresses: cfg.MaxConnectionsAddress > 0,
	}
	var err error
	if e.proxies, err = ParseProxies(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	if e.origins, err = origin.Parse(cfg.Origins); err != nil {
		return nil, fmt.Errorf("origin: want %w", err)
	}
	e.Handshakes = NewHandshakes(log, m, func() int {
		// Those that are being closed have files too. A full server has a few besides, to refuse with.
		return max(MinSockets, cfg.MaxConnections-2*MinSockets-int(h.Live.Load()))
	})
	e.Handshakes.Release = h.ReleaseAddress
	e.Handshakes.watch(m)
	e.Arrivals = NewArrivals(cfg.RateConnectionsAddress, e.proxies)
	return e, nil
}
