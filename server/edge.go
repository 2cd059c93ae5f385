package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/web"
)

// edge is the public port: it accepts connections, decides which of them become members, and answers the other requests. Constant
// after newEdge; what changes has an owner or a lock of its own.
type edge struct {
	log       *slog.Logger
	metrics   *metrics.Metrics
	complaint rate.Sometimes // of requests that are refused
	hub       *sessions
	hooks     *hooks       // nil for none
	api       *api         // nil where it is not on this port
	page      http.Handler // of all other paths

	door       *door
	handshakes *handshakes
	keepFor    time.Duration // an HTTP connection without a request

	arrivals *arrivals
	guests   *guests
	requests *rate.Limiter // of anybody who does not show the API key

	proxies         proxies
	origins         origins
	hosts           hosts
	checksHost      bool
	countsAddresses bool // a socket counts for its address from the accept on
}

// edgeConfig is the part of Config that is about the public port.
type edgeConfig struct {
	listen                 string // host:port
	hosts                  hosts
	origins                []string
	trustedProxies         []string
	maxConnections         int
	maxConnectionsAddress  int // 0 for any number
	rateConnectionsAddress int // new connections a second from one address; 0 for any number
}

// newEdge opens the port, and accepts nothing yet. a is nil where the server API is not on this port.
func newEdge(cfg edgeConfig, h *sessions, a *api, m *metrics.Metrics, log *slog.Logger) (*edge, error) {
	e := &edge{
		log:             log,
		metrics:         m,
		complaint:       logqueue.EverySecond(),
		hub:             h,
		hooks:           h.hooks,
		api:             a,
		page:            web.Handler(),
		keepFor:         keptTimeout,
		guests:          newGuests(),
		requests:        rate.NewLimiter(requestRate, requestBurst),
		hosts:           cfg.hosts,
		countsAddresses: cfg.maxConnectionsAddress > 0,
	}
	var err error
	if e.proxies, err = parseProxies(cfg.trustedProxies); err != nil {
		return nil, err
	}
	if e.origins, err = parseOrigins(cfg.origins); err != nil {
		return nil, fmt.Errorf("origin: want %w", err)
	}
	e.handshakes = newHandshakes(log, m, func() int {
		// Those that are being closed have files too. A full server has a few besides, to refuse with.
		return max(minSockets, cfg.maxConnections-2*minSockets-int(h.Live.Load()))
	})
	e.handshakes.release = h.ReleaseAddress
	e.handshakes.watch(m)
	e.arrivals = newArrivals(cfg.rateConnectionsAddress, e.proxies)
	if e.door, err = newDoor(cfg.listen, e); err != nil {
		return nil, err
	}
	e.checksHost = len(e.hosts) > 0 || isLoopback(e.door.Addr())
	return e, nil
}

// end closes what is not in the loop, and waits for those that read a head. The door has been closed.
func (e *edge) end() {
	for e.handshakes.evictOldest() {
	}
	e.door.greeting.Wait()
}
