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

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/wheel"
)

const (
	minSettle  = 1000        // connections come or gone before memory is given back
	logTimeout = time.Second // for the last log lines to be written when the server stops
)

// Server is one chat server. Make it with New, then call Run, once.
type Server struct {
	cfg     Config
	log     *slog.Logger // in front of logs
	logs    *logqueue.Queue
	metrics *metrics.Metrics
	hub     *session.Sessions
	files   int // the open-file limit

	api   *api.API // nil for none
	door  *edge.Door
	edge  *edge.Edge   // behind the door
	admin *admin.Admin // nil for none
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
	s := &Server{log: log, logs: logs, metrics: metrics.New(fanout.CloseLabels()), files: files}
	hooks, err := session.NewHooks(session.HooksConfig(cfg.Webhooks), log, s.metrics)
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	tokens, err := token.New(cfg.Token, log)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	cfg.OtherRooms = chat.OtherRooms(cfg.OtherRooms, tokens.Enabled())
	s.cfg = cfg
	s.hub = newHub(cfg, log, s.metrics, tokens, shardCount(runtime.GOMAXPROCS(0)))
	s.hub.Hooks = hooks
	s.api = api.New(s.hub, api.Config{Key: cfg.API.Key, Version: cfg.Version, MaxMessage: cfg.MaxMessage})
	if err := s.listen(); err != nil {
		return nil, err
	}
	return s, nil
}

// listen opens the ports.
func (s *Server) listen() (err error) {
	s.door, err = edge.Open(edge.Config{
		Listen:                 s.cfg.Listen,
		Hosts:                  s.cfg.Hosts,
		Origins:                s.cfg.Origins,
		TrustedProxies:         s.cfg.TrustedProxies,
		MaxConnections:         s.cfg.MaxConnections,
		MaxConnectionsAddress:  s.cfg.MaxConnectionsAddress,
		RateConnectionsAddress: s.cfg.RateConnectionsAddress,
	}, s.hub, s.apiOn("listen"), s.metrics, s.log)
	if err != nil {
		return err
	}
	s.edge = s.door.Edge
	if s.cfg.Admin == "off" {
		return nil
	}
	listener, err := netpoll.Listen(s.cfg.Admin, edge.ListenOptions)
	if err != nil {
		return errors.Join(err, s.door.Close())
	}
	s.admin = admin.New(listener, s.cfg.Hosts, s.hub, s.apiOn("admin"), s.metrics, s.log)
	return nil
}

// apiOn is the server API where it is on that port, else nil.
func (s *Server) apiOn(port string) *api.API {
	if s.cfg.API.On != port {
		return nil
	}
	return s.api
}

// shardCount is one a core.
func shardCount(cores int) int { return min(cores, fanout.MaxShards) }

// Addr is where the chat listens.
func (s *Server) Addr() net.Addr { return s.door.Addr() }

// AdminAddr is where health and metrics listen, nil for nowhere.
func (s *Server) AdminAddr() net.Addr {
	if s.admin == nil {
		return nil
	}
	return s.admin.Listener.Addr()
}

// Logger returns the server's log, which never blocks. Its records are written while Run runs.
func (s *Server) Logger() *slog.Logger { return s.log }

// MaxConnections is how many connections are taken at a time.
func (s *Server) MaxConnections() int { return s.cfg.MaxConnections }

// LetsGuestsIn says whether somebody who brings no token may come in.
func (s *Server) LetsGuestsIn() bool { return s.hub.Guests }

// OtherRooms returns who may use rooms that no pattern fits: "open", "signed-in" or "closed".
func (s *Server) OtherRooms() string { return s.cfg.OtherRooms }

// KnowsTokens says whether there is a key that tokens are believed by, besides the guests' own.
func (s *Server) KnowsTokens() bool { return s.hub.Tokens.Enabled() }

// Shards is how many goroutines write, and pollers read.
func (s *Server) Shards() int { return len(s.hub.Shards) }

// Run serves until ctx is done, then stops in an orderly way within the drain time: it accepts nobody, tells every client,
// and waits for what is under way. It returns when everything it started has ended.
func (s *Server) Run(ctx context.Context) error {
	stopLog := s.logs.Start()
	defer stopLog(logTimeout)
	var err error
	expire := func(now time.Time, _ wheel.Tick) { s.edge.Handshakes.Expire(now) }
	if err = s.hub.Start(s.files, s.cfg.PingInterval, s.cfg.PingTimeout, s.hub.OnTick, expire); err != nil {
		return err
	}
	admin.WatchHub(s.metrics, s.hub)
	admin.WatchLog(s.metrics, s.logs)

	var owners sync.WaitGroup
	owners.Go(s.hub.Hooks.Run)
	fetching, stopFetching := context.WithCancel(context.Background())
	defer stopFetching()
	owners.Go(func() {
		if err := s.hub.Tokens.Run(fetching); err != nil && fetching.Err() == nil {
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
		if err := s.door.Run(); err != nil {
			failed <- fmt.Errorf("accept on %s: %w", s.Addr(), err)
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
	s.door.End()
	s.hub.Quit()
	close(settled)
	stopFetching()
	s.hub.Hooks.Stop()
	s.hub.Answers.Wait()
	s.hub.Verifiers.Wait()
	owners.Wait()
	s.hub.Stop() // the last: the others wake its pollers
	return err
}

// httpServers are those of the public and the admin port, each with where it listens.
func (s *Server) httpServers() (servers []*http.Server, listeners []net.Listener) {
	servers, listeners = append(servers, s.edge.HttpServer()), append(listeners, s.door)
	if s.admin != nil {
		servers, listeners = append(servers, s.admin.HttpServer()), append(listeners, s.admin.Listener)
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
	s.hub.Draining.Store(true)
	if err := s.door.Close(); err != nil {
		s.log.Debug("close listener", "error", err)
	}
	told := s.hub.Live.Load()
	s.log.Info("stopping: clients are told to come back", "connections", told, "at_most", s.cfg.Drain.String())
	s.hub.CloseAll()
	s.hub.WaitEmpty(s.cfg.Drain - time.Since(start))
	cut := s.hub.AbortAll()
	s.hub.WaitEmpty(time.Second)
	s.hub.Hooks.Flush(max(s.cfg.Drain-time.Since(start), time.Second))
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
		live := s.hub.Live.Load()
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
