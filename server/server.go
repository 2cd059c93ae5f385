package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/wheel"
)

// logTimeout is the time for the last log records to be written when the server stops.
const logTimeout = time.Second

// Server is one chat server. Create it with New, then call Run once.
type Server struct {
	cfg      Config       // of the start; reloads.config is the one in effect
	log      *slog.Logger // writes to logs
	logs     *logqueue.Queue
	metrics  *metrics.Metrics
	sessions *session.Sessions
	// Ready is called by Run when the server begins to serve; nil for none. Set it before Run.
	Ready func()

	engine broker.Engine // nil without a data directory
	files  int           // the open-file limit

	api      *api.API
	edge     *edge.Edge     // of both acceptors
	acceptor *edge.Acceptor // nil if the plain port is off
	tls      *tlsPort       // nil if no port uses TLS
	admin    *admin.Admin   // nil if the admin port is off
	drain    atomic.Int64   // of a graceful stop, in nanoseconds
	reloads  reloads
	audit    *audit.Log // nil if it is off
}

// New checks the config and opens the ports. It accepts no connection before Run. An error that wraps syscall.EADDRINUSE names the address in
// use. Log records of log-level and above go to a queue, so log may block or fail without effect on the server. Run writes them.
func New(cfg Config, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	files, most, err := cfg.openFiles()
	if err != nil {
		return nil, err
	}
	loaded := cfg.clone()
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = most
	}
	logs := logqueue.New(log.Handler())
	logs.SetLevel(cfg.logLevel())
	log = slog.New(logs)
	s := &Server{log: log, logs: logs, metrics: metrics.New(fanout.CloseLabels()), files: files}
	hooks, err := session.NewHooks(cfg.Webhooks, log, s.metrics)
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	tokens, err := token.New(cfg.Token, log)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	cfg.OtherRooms = chat.OtherRooms(cfg.OtherRooms, tokens.Enabled())
	s.cfg = cfg
	s.drain.Store(int64(cfg.Drain))
	s.sessions = newHub(cfg, log, s.metrics, tokens, shardCount(runtime.GOMAXPROCS(0)))
	s.sessions.Hooks = hooks
	s.sessions.Notices = session.NewNotices(s.sessions.Hub, hooks)
	if s.audit, err = openAudit(cfg.AuditLog, log); err != nil {
		return nil, err
	}
	s.sessions.SetAudit(s.audit)
	s.api = api.New(s.sessions, api.Config{Access: cfg.apiAccess(), Audit: s.audit, Version: cfg.Version})
	s.reloads.log, s.reloads.metrics, s.reloads.draining, s.reloads.audit = log, s.metrics, s.sessions.Draining.Load, s.audit
	s.reloads.certificates, s.reloads.prepare = s.ReloadCertificates, s.prepare
	s.reloads.start(loaded)
	if s.engine, err = openData(&cfg, log); err != nil {
		return nil, errors.Join(err, s.audit.Stop(0))
	}
	if s.engine != nil {
		s.sessions.UseLog(home.Config{Engine: s.engine, MaxBytes: int64(cfg.DataBytes)})
	}
	if err := s.listen(); err != nil {
		return nil, errors.Join(err, closeData(s.engine), s.audit.Stop(0))
	}
	return s, nil
}

// listen opens the ports.
func (s *Server) listen() (err error) {
	s.edge, err = edge.New(edge.Config{
		Hosts:                  s.cfg.Hosts,
		Origins:                s.cfg.Origins,
		TrustedProxies:         s.cfg.TrustedProxies,
		MaxConnectionsAddress:  s.cfg.MaxConnectionsAddress,
		RateConnectionsAddress: s.cfg.RateConnectionsAddress,
		Compression:            s.cfg.Compression == "on",
		RedirectPort:           s.cfg.TLS.RedirectPort,
		Fallback:               s.cfg.Fallback == "on",
		PingTimeout:            s.cfg.PingTimeout,
	}, s.sessions, s.api, s.metrics, s.log)
	if err != nil {
		return err
	}
	if s.cfg.Listen != "off" {
		port := edge.Port{Address: s.cfg.Listen, ProxyProtocol: s.cfg.requiresProxyHeader("listen")}
		if s.acceptor, err = s.edge.Listen(port); err != nil {
			return err
		}
	}
	if err := s.openTLS(); err != nil {
		return errors.Join(err, s.closeAcceptors())
	}
	if s.cfg.Admin == "off" {
		return nil
	}
	listener, err := netpoll.Listen(s.cfg.Admin, edge.ListenOptions)
	if err != nil {
		return errors.Join(err, s.closeAcceptors())
	}
	over, err := s.overTLS(listener)
	if err != nil {
		return errors.Join(err, listener.Close(), s.closeAcceptors())
	}
	s.admin = admin.New(admin.Config{Listener: over, Hosts: s.cfg.Hosts, API: s.api, Reload: s.Reload, Audit: s.audit}, s.sessions, s.metrics, s.log)
	return nil
}

// acceptors are those of the plain port and of the TLS port, if they are on.
func (s *Server) acceptors() (open []*edge.Acceptor) {
	if s.acceptor != nil {
		open = append(open, s.acceptor)
	}
	if s.tls != nil && s.tls.acceptor != nil {
		open = append(open, s.tls.acceptor)
	}
	return open
}

// closeListeners closes all ports of a server that does not run.
func (s *Server) closeListeners() error {
	err := s.closeAcceptors()
	if s.admin != nil {
		err = errors.Join(err, s.admin.Listener.Close())
	}
	return err
}

func (s *Server) closeAcceptors() error {
	var errs []error
	for _, acceptor := range s.acceptors() {
		errs = append(errs, acceptor.Close())
	}
	return errors.Join(errs...)
}

// shardCount returns the number of shards: one per core.
func shardCount(cores int) int { return min(cores, fanout.MaxShards) }

// Addr returns the address of the plain port, or nil if it is off.
func (s *Server) Addr() net.Addr {
	if s.acceptor == nil {
		return nil
	}
	return s.acceptor.Addr()
}

// TLSAddr is the address of the TLS port, nil if it is off.
func (s *Server) TLSAddr() net.Addr {
	if s.tls == nil || s.tls.acceptor == nil {
		return nil
	}
	return s.tls.acceptor.Addr()
}

// AdminAddr returns the address of the admin port, or nil if it is off.
func (s *Server) AdminAddr() net.Addr {
	if s.admin == nil {
		return nil
	}
	return s.admin.Listener.Addr()
}

// Logger returns the log of the server, which never blocks. Its records are written during Run.
func (s *Server) Logger() *slog.Logger { return s.log }

// MaxConnections returns the limit of WebSocket connections.
func (s *Server) MaxConnections() int { return int(s.sessions.Limits().MaxLive) }

// GuestsAllowed reports whether clients without a token may connect.
func (s *Server) GuestsAllowed() bool { return s.sessions.Settings().Guests }

// OtherRooms returns who may use rooms that match no pattern at the start: "open", "signed-in" or "closed".
func (s *Server) OtherRooms() string { return s.cfg.OtherRooms }

// TokensEnabled reports whether a key for tokens is configured. The key of guest tokens does not count.
func (s *Server) TokensEnabled() bool { return s.sessions.Tokens.Enabled() }

// Shards returns the number of shards, which is also the number of pollers.
func (s *Server) Shards() int { return len(s.sessions.Shards) }

// SetLoader sets the source of the settings of a reload. Without it, Reload reads the certificates only. Call it before Run.
func (s *Server) SetLoader(l Loader) { s.reloads.loader = l }

// Reload reads the settings again and applies those that may change while the server runs. Invalid settings change nothing. No connection is
// closed. by is the cause, for the logs. It blocks until everything is applied: do not call it on
// the loop. Reloads run one after another; beyond maxReloads they are rejected. Any goroutine may call it.
func (s *Server) Reload(by audit.Actor) admin.Reload { return s.reloads.run(by) }

// prepare checks what Validate does not, and returns a function that puts the settings into use. It resolves cfg.OtherRooms.
func (s *Server) prepare(cfg *Config) (use func(), err error) {
	tokens, err1 := s.sessions.Tokens.Prepare(cfg.Token)
	if err1 != nil {
		err1 = fmt.Errorf("token: %w", err1)
	}
	hooks, err2 := s.sessions.Hooks.Prepare(cfg.Webhooks)
	if err2 != nil {
		err2 = fmt.Errorf("webhooks: %w", err2)
	}
	public, err3 := s.edge.Prepare(edge.Config{
		Hosts: cfg.Hosts, Origins: cfg.Origins, MaxConnectionsAddress: cfg.MaxConnectionsAddress, RateConnectionsAddress: cfg.RateConnectionsAddress,
	})
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return func() {
		s.logs.SetLevel(cfg.logLevel())
		s.drain.Store(int64(cfg.Drain))
		tokens()
		hooks()
		cfg.OtherRooms = chat.OtherRooms(cfg.OtherRooms, s.sessions.Tokens.Enabled())
		public()
		s.sessions.SetLimits(cfg.limits(len(s.sessions.Shards)))
		s.sessions.Configure(cfg.sessionConfig())
		s.sessions.Hub.Configure(cfg.chatConfig())
		s.api.SetAccess(cfg.apiAccess())
		if s.admin != nil {
			s.admin.SetHosts(cfg.Hosts)
		}
	}, nil
}

// Run serves until ctx is done or a port fails. Then it stops gracefully within the drain time: it accepts no connection, sends a close frame
// to every client, and waits for unfinished work. It returns when all goroutines that it started have ended.
func (s *Server) Run(ctx context.Context) error {
	stopLog := s.logs.Start()
	defer stopLog(logTimeout)
	defer beginAudit(s.audit, s.cfg.Version, s.log)()
	var owners sync.WaitGroup
	fetching, stopFetching := context.WithCancel(context.Background())
	defer stopFetching()
	abandon := func(err error) error { // before anything is served
		stopFetching()
		owners.Wait()
		return errors.Join(err, s.closeListeners(), closeData(s.engine))
	}
	if err := loadState(ctx, fetching, &owners, s.engine, s.sessions); err != nil || ctx.Err() != nil {
		return abandon(err)
	}
	if err := loadWebPush(ctx, &s.cfg.WebPush, s.engine, s.sessions); err != nil || ctx.Err() != nil {
		return abandon(ended(ctx, err))
	}
	if s.Ready != nil {
		s.Ready()
	}
	var err error
	expire := func(now time.Time, _ wheel.Tick) { s.edge.Pending.Expire(now) }
	if err = s.sessions.Start(s.files, s.cfg.PingInterval, s.cfg.PingTimeout, s.sessions.OnTick, expire); err != nil {
		return abandon(err)
	}
	admin.WatchHub(s.metrics, s.sessions)
	admin.WatchLog(s.metrics, s.logs)
	admin.WatchAudit(s.metrics, s.audit)

	owners.Go(s.sessions.Hooks.Run)
	owners.Go(func() { s.sessions.Notices.Run(fetching) })
	s.maintain(fetching, &owners)
	stopRelease := make(chan struct{})
	owners.Go(func() { releaseMemory(s.sessions.Live.Load, stopRelease) })

	var serving sync.WaitGroup
	failed := make(chan error, 5) // one for each goroutine of serving
	servers, listeners := s.httpServers()
	for i, server := range servers {
		serving.Go(func() {
			if err := server.Serve(listeners[i]); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				failed <- fmt.Errorf("serve %s: %w", listeners[i].Addr(), err)
			}
		})
	}

	for _, acceptor := range s.acceptors() {
		serving.Go(func() {
			if err := acceptor.Run(); err != nil {
				failed <- fmt.Errorf("accept on %s: %w", acceptor.Addr(), err)
			}
		})
	}

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.shutdown()

	// The admin port is available until here, so that operators can watch the shutdown.
	for _, server := range servers {
		s.end(server)
	}
	serving.Wait()
	for _, acceptor := range s.acceptors() {
		acceptor.End()
	}
	s.sessions.Quit()
	close(stopRelease)
	stopFetching()
	s.sessions.Hooks.Stop()
	s.sessions.BulkWorkers.Wait()
	s.sessions.Verifiers.Wait()
	s.sessions.Moderators.Wait()
	owners.Wait()
	err = errors.Join(err, closeData(s.engine))
	s.sessions.Stop() // last, because the others post to its pollers
	return err
}

// maintain starts the goroutines that keep token keys, certificates and the log of durable rooms in order until ctx ends.
func (s *Server) maintain(ctx context.Context, owners *sync.WaitGroup) {
	owners.Go(func() {
		if err := s.sessions.Tokens.Run(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("refresh of the token keys stopped", "error", err)
		}
	})
	if s.tls != nil {
		owners.Go(func() { s.maintainTLS(ctx) })
		if s.tls.acme != nil {
			owners.Go(func() { s.runACME(ctx) })
		}
	}
	if s.sessions.Durable != nil {
		owners.Go(func() { s.sessions.Durable.Run(ctx) })
	}
}

// httpServers returns the HTTP servers of the public and the admin port, and the listener of each.
func (s *Server) httpServers() (servers []*http.Server, listeners []net.Listener) {
	for _, acceptor := range s.acceptors() {
		servers, listeners = append(servers, acceptor.HTTPServer()), append(listeners, acceptor)
	}
	if s.admin != nil {
		servers, listeners = append(servers, s.admin.HTTPServer()), append(listeners, s.admin.Listener)
	}
	return servers, listeners
}

// end stops an HTTP server. It waits for the requests in progress for at most a second.
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

// shutdown closes the public port, sends a close frame to every client, and waits for at most the drain time.
func (s *Server) shutdown() {
	start, drain := time.Now(), time.Duration(s.drain.Load())
	s.sessions.Draining.Store(true)
	if err := s.closeAcceptors(); err != nil {
		s.log.Debug("close listener", "error", err)
	}
	s.sessions.Notices.Flush()
	drainDurable(s.sessions.Durable, drain/2, s.log)
	notified := s.sessions.Live.Load()
	s.log.Info("stopping: sending a close frame to each client", "connections", notified, "at_most", drain.String())
	s.sessions.CloseAll()
	s.sessions.WaitEmpty(drain - time.Since(start))
	cut := s.sessions.AbortAll()
	s.sessions.WaitEmpty(time.Second)
	s.sessions.Hooks.Flush(max(drain-time.Since(start), time.Second))
	s.sessions.Notices.FlushPush(max(drain-time.Since(start), time.Second))
	s.log.Info("stopped", "after", time.Since(start).Round(time.Millisecond).String(), "closed", notified-int64(cut), "cut", cut)
}
