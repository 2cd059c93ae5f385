package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync/atomic"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/embedded"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/live"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/token"
)

// Server is one chat server. Create it with New, then call Run once.
type Server struct {
	cfg      Config       // of the start; reloads.config is the one in effect
	log      *slog.Logger // writes to logs
	logs     *logqueue.Queue
	metrics  *metrics.Metrics
	sessions *session.Sessions
	// Ready is called by Run when the server begins to serve, Stopping when an operator has begun a graceful stop; nil for none. Set them before Run.
	Ready, Stopping func()
	// Doctor examines the machine for a number of connections, for the live page; nil for none. Set it before Run.
	Doctor func(connections int) any

	drained  *drainRequest
	starting starting

	engine broker.Engine // nil without a data directory
	node   *cluster.Node // nil unless this is a node of a cluster
	files  int           // the open-file limit

	api      *api.API
	edge     *edge.Edge     // of both acceptors
	acceptor *edge.Acceptor // nil if the plain port is off
	mount    *edge.Acceptor // of Handler; nil unless the server is mounted
	tls      *tlsPort       // nil if no port uses TLS
	grpc     *grpcPort      // nil if the gRPC API is off
	admin    *admin.Admin   // nil if the admin port is off
	live     *live.Live     // the same
	drain    atomic.Int64   // of a graceful stop, in nanoseconds
	reloads  reloads
	audit    *audit.Log // nil if it is off

	consumers     *consumers // nil if none is configured
	subscriptions *embedded.Subscriptions
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
	tracer, err := newTracer(&cfg, log, s.metrics)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	hooks, err := session.NewHooks(cfg.Webhooks, log, s.metrics, tracer)
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
	s.sessions.Hooks, s.sessions.Tracer = hooks, tracer
	s.sessions.Notices = session.NewNotices(s.sessions.Hub, hooks)
	if s.audit, err = openAudit(cfg.AuditLog, log); err != nil {
		return nil, err
	}
	s.drained = newDrainRequest(s.audit)
	s.sessions.SetAudit(s.audit)
	s.api = api.New(s.sessions, api.Config{Access: cfg.apiAccess(), Audit: s.audit, Version: cfg.Version})
	s.consumers = newConsumers(&cfg, s.api, s.metrics, log)
	s.subscriptions = embedded.New(s.sessions.Hub, s.metrics)
	s.reloads.log, s.reloads.metrics, s.reloads.draining, s.reloads.audit = log, s.metrics, s.sessions.Draining.Load, s.audit
	s.reloads.certificates, s.reloads.prepare = s.ReloadCertificates, s.prepare
	s.reloads.start(loaded)
	if s.engine, err = openData(&cfg, log); err != nil {
		return nil, errors.Join(err, s.audit.Stop(0))
	}
	s.node = useData(&cfg, s.engine, s.sessions)
	s.starting.node = s.node
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
		Page:                   s.cfg.pageOptions(),
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
	if s.cfg.Mounted {
		s.mount = s.edge.Mount()
	}
	if err := s.openTLS(); err != nil {
		return errors.Join(err, s.closeAcceptors())
	}
	if s.cfg.GRPCListen != "off" {
		if s.grpc, err = openGRPC(s.api, s.cfg.GRPCListen, s.cfg.MaxMessage, s.grpcCertificates()); err != nil {
			return errors.Join(err, s.closeListeners())
		}
	}
	if s.cfg.Admin == "off" {
		return nil
	}
	listener, err := netpoll.Listen(s.cfg.Admin, edge.ListenOptions)
	if err != nil {
		return errors.Join(err, s.closeListeners())
	}
	over, err := s.overTLS(listener)
	if err != nil {
		return errors.Join(err, listener.Close(), s.closeListeners())
	}
	s.live = live.New(live.Config{
		Version: s.cfg.Version,
		Lost:    func() uint64 { return s.logs.Dropped() + s.audit.Dropped() },
		Doctor:  s.examine,
		Cluster: clusterStatus(s.node),
	}, s.sessions, s.metrics)
	s.admin = admin.New(admin.Config{
		Listener: over, Hosts: s.cfg.Hosts, API: s.api, Reload: s.Reload, Drain: s.Drain, Audit: s.audit, Live: s.live, Cluster: s.node,
		Starting: s.starting.waits,
		Export:   (&exports{engine: s.engine, node: s.node, audit: s.audit, log: s.log}).export,
		Trusted:  s.cfg.trustsAdminPort(), Password: s.cfg.Live.Password,
	}, s.sessions, s.metrics, s.log)
	return nil
}

// acceptors are those of the plain port, of Handler and of the TLS port, if they are on.
func (s *Server) acceptors() (open []*edge.Acceptor) {
	if s.acceptor != nil {
		open = append(open, s.acceptor)
	}
	if s.mount != nil {
		open = append(open, s.mount)
	}
	if s.tls != nil && s.tls.acceptor != nil {
		open = append(open, s.tls.acceptor)
	}
	return open
}

// closeListeners closes all ports of a server that does not run.
func (s *Server) closeListeners() error {
	err := s.closeAcceptors()
	if s.grpc != nil {
		err = errors.Join(err, s.grpc.listener.Close())
	}
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

// GRPCAddr returns the address of the gRPC API, or nil if it is off.
func (s *Server) GRPCAddr() net.Addr {
	if s.grpc == nil {
		return nil
	}
	return s.grpc.listener.Addr()
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

// examine returns the report about the machine for the limit of connections; nil without a doctor.
func (s *Server) examine() any {
	if s.Doctor == nil {
		return nil
	}
	return s.Doctor(s.MaxConnections())
}

// Drain begins a graceful stop: Run returns nil after it. A second call has no effect. Any goroutine may call it; it does not block.
func (s *Server) Drain(by audit.Actor) {
	if s.drained.make(by) && s.Stopping != nil {
		go s.Stopping()
	}
}

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
		Page: cfg.pageOptions(),
	})
	err4 := cfg.CheckCertificates()
	if err4 == nil {
		err4 = s.canReplaceCertificates()
	}
	if err := errors.Join(err1, err2, err3, err4); err != nil {
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
		s.sessions.Tracer.SetOneIn(cfg.Tracing.OneIn)
		if s.admin != nil {
			s.admin.SetHosts(cfg.Hosts)
			s.admin.SetPassword(cfg.Live.Password)
		}
	}, nil
}
