package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/token"
)

const (
	minSettle  = 1000        // connections come or gone before memory is given back
	logTimeout = time.Second // for the last log lines to be written when the server stops
)

// Server is one chat server. Make it with New, then call Run, once.
type Server struct {
	cfg        Config
	log        *slog.Logger // in front of logs
	logs       *logqueue.Queue
	metrics    *metrics
	hub        *hub
	handshakes *handshakes
	arrivals   *arrivals
	keepFor    time.Duration // an HTTP connection without a request
	guests     *guests
	proxies    proxies
	origins    origins
	api        *api // nil for none
	complaint  rate.Sometimes
	requests   *rate.Limiter // of anybody who does not show the API key
	files      int           // the open-file limit
	hosts      hosts
	checksHost bool // on the public port

	public *door
	admin  net.Listener // nil for none
}

// New opens the ports and starts nothing yet. An error that wraps syscall.EADDRINUSE names the address in use. Log records wait
// in a queue, so log may block, or fail, without harm to the server; Run writes them.
func New(cfg Config, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	files, most, err := cfg.openFiles()
	if err != nil {
		return nil, err
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = most
	}
	logs := logqueue.New(log.Handler())
	log = slog.New(logs)
	s := &Server{
		cfg:       cfg,
		log:       log,
		logs:      logs,
		metrics:   newMetrics(closeLabels()),
		guests:    newGuests(),
		complaint: everySecond(),
		requests:  rate.NewLimiter(requestRate, requestBurst),
		files:     files,
		hosts:     cfg.Hosts,
		keepFor:   keptTimeout,
	}
	if s.proxies, err = parseProxies(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	if s.origins, err = parseOrigins(cfg.Origins); err != nil {
		return nil, fmt.Errorf("origin: want %w", err)
	}
	hooks, err := newHooks(cfg.Webhooks, log, s.metrics)
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	tokens, err := token.New(cfg.Token, log)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	s.cfg.OtherRooms = cfg.otherRooms(tokens.Enabled())
	s.hub = newHub(s.cfg, log, s.metrics, tokens, shardCount(runtime.GOMAXPROCS(0)))
	s.hub.hooks = hooks
	s.api = newAPI(s.hub, s.cfg)
	s.handshakes = newHandshakes(log, s.metrics, func() int {
		// Those that are being closed have files too. A full server has a few besides, to refuse with.
		return max(minSockets, s.cfg.MaxConnections-2*minSockets-int(s.hub.live.Load()))
	})
	s.handshakes.release = s.hub.releaseAddress
	s.arrivals = newArrivals(cfg.RateConnectionsAddress, s.proxies)
	if s.public, err = s.openDoor(cfg.Listen); err != nil {
		return nil, err
	}
	s.checksHost = len(s.hosts) > 0 || isLoopback(s.public.Addr())
	if cfg.Admin != "off" {
		if s.admin, err = netpoll.Listen(cfg.Admin, listenOptions); err != nil {
			return nil, errors.Join(err, s.public.Close())
		}
	}
	return s, nil
}

// shardCount is one a core.
func shardCount(cores int) int { return min(cores, maxShards) }

// Addr is where the chat listens.
func (s *Server) Addr() net.Addr { return s.public.Addr() }

// AdminAddr is where health and metrics listen, nil for nowhere.
func (s *Server) AdminAddr() net.Addr {
	if s.admin == nil {
		return nil
	}
	return s.admin.Addr()
}

// Logger returns the server's log, which never blocks. Its records are written while Run runs.
func (s *Server) Logger() *slog.Logger { return s.log }

// MaxConnections is how many connections are taken at a time.
func (s *Server) MaxConnections() int { return s.cfg.MaxConnections }

// Shards is how many goroutines write, and pollers read.
func (s *Server) Shards() int { return len(s.hub.shards) }

// Run serves until ctx is done, then stops in an orderly way within the drain time: it accepts nobody, tells every client,
// and waits for what is under way. It returns when everything it started has ended.
func (s *Server) Run(ctx context.Context) error {
	stopLog := s.logs.Start()
	defer stopLog(logTimeout)
	var err error
	if s.hub.loop, err = newLoop(len(s.hub.shards), s.files, s.hub); err != nil {
		return err
	}
	s.hub.heartbeat = newHeartbeat(s.hub, s.cfg, s.handshakes)
	watchHub(s.metrics, s.hub)
	watchLog(s.metrics, s.logs)
	s.handshakes.watch(s.metrics)

	var owners sync.WaitGroup
	for _, sh := range s.hub.shards {
		owners.Go(sh.run)
	}
	owners.Go(s.hub.heartbeat.run)
	owners.Go(s.hub.hooks.run)
	fetching, stopFetching := context.WithCancel(context.Background())
	defer stopFetching()
	owners.Go(func() {
		if err := s.hub.tokens.Run(fetching); err != nil && fetching.Err() == nil {
			s.log.Error("keys of tokens are not kept fresh", "error", err)
		}
	})
	settled := make(chan struct{})
	owners.Go(func() { s.settle(settled) })

	var serving sync.WaitGroup
	failed := make(chan error, 3)
	servers, listeners := s.httpServers()
	for i, server := range servers {
		serving.Go(func() {
			if err := server.Serve(listeners[i]); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				failed <- fmt.Errorf("serve %s: %w", listeners[i].Addr(), err)
			}
		})
	}

	serving.Go(func() {
		if err := s.public.run(); err != nil {
			failed <- fmt.Errorf("accept on %s: %w", s.public.Addr(), err)
		}
	})

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.drain()

	// The admin port answers until here, so that the drain can be watched.
	for _, server := range servers {
		s.end(server)
	}
	serving.Wait()
	for s.handshakes.evictOldest() {
	}
	s.public.greeting.Wait()
	for _, sh := range s.hub.shards {
		close(sh.quit)
	}
	close(s.hub.heartbeat.quit)
	close(settled)
	stopFetching()
	s.hub.hooks.stop()
	s.hub.answers.wait()
	s.hub.verifiers.wait()
	owners.Wait()
	s.hub.loop.stop() // the last: the others wake its pollers
	return err
}

// httpServers are those of the public and the admin port, each with where it listens.
func (s *Server) httpServers() (servers []*http.Server, listeners []net.Listener) {
	servers, listeners = append(servers, s.publicServer()), append(listeners, s.public)
	if s.admin != nil {
		servers = append(servers, &http.Server{
			Handler:           s.adminRoutes(),
			ReadHeaderTimeout: headTimeout,
			ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		})
		listeners = append(listeners, s.admin)
	}
	return servers, listeners
}

// end lets requests finish, for a moment.
func (s *Server) end(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Debug("close http server", "error", err)
	}
}

// drain takes no new connection and ends the others.
func (s *Server) drain() {
	start := time.Now()
	s.hub.draining.Store(true)
	if err := s.public.Close(); err != nil {
		s.log.Debug("close listener", "error", err)
	}
	told := s.hub.live.Load()
	s.log.Info("stopping: clients are told to come back", "connections", told, "at_most", s.cfg.Drain.String())
	s.hub.closeAll()
	s.hub.waitEmpty(s.cfg.Drain - time.Since(start))
	cut := s.hub.cutAll()
	s.hub.waitEmpty(time.Second)
	s.hub.hooks.flush(max(s.cfg.Drain-time.Since(start), time.Second))
	s.log.Info("stopped", "after", time.Since(start).Round(time.Millisecond).String(), "closed", told-int64(cut), "cut", cut)
}

// settle gives memory back to the system when a wave of connections has come or gone: what a handshake leaves behind would
// otherwise stay for minutes.
func (s *Server) settle(quit <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	settled, last, calm := int64(0), int64(0), 0
	for {
		select {
		case <-quit:
			return
		case <-ticker.C:
		}
		live := s.hub.live.Load()
		if abs(live-last) > minSettle/20 {
			calm = 0
		} else {
			calm++
		}
		last = live
		if calm >= 3 && abs(live-settled) >= minSettle {
			debug.FreeOSMemory()
			settled = live
		}
	}
}

func abs(n int64) int64 { return max(n, -n) }

func everySecond() rate.Sometimes { return rate.Sometimes{Interval: time.Second} }
