package admin

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/cluster"
	"github.com/throng-chat/throng/server/live"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/site"
	"github.com/throng-chat/throng/server/ws"
)

const adminHeadTimeout = 5 * time.Second // for the head of a request

// Admin is the admin port, for operators. It is constant after New, except for hosts.
type Admin struct {
	log      *slog.Logger
	metrics  *metrics.Metrics
	sessions *session.Sessions
	hooks    *session.Hooks
	api      *api.API // used while it serves this port
	reloads  func(audit.Actor) Reload
	drain    func(audit.Actor)
	audit    *audit.Log
	live     *live.Live
	access   *access
	export   Export
	cluster  *cluster.Node // nil unless the server is a node of a cluster
	starting func() string
	hosts    atomic.Pointer[origin.Hosts]

	Listener net.Listener
}

// Config has the settings of the admin port.
type Config struct {
	Listener net.Listener
	Hosts    origin.Hosts             // names that the Host header may have
	API      *api.API                 // used while it serves this port
	Reload   func(audit.Actor) Reload // reads and applies the settings; it may block
	Drain    func(audit.Actor)        // begins a graceful stop; it does not block
	Audit    *audit.Log               // of what operators do; nil for none
	Live     *live.Live               // the live page
	Trusted  bool                     // only this machine, or clients with a certificate, reach the port
	Password string                   // of operators; empty for none
	Export   Export                   // of what is stored; it blocks
	Cluster  *cluster.Node            // nil unless the server is a node of a cluster
	Starting func() string            // returns what the server waits for before it serves; empty while it serves
}

// New returns the admin port.
func New(cfg Config, h *session.Sessions, m *metrics.Metrics, log *slog.Logger) *Admin {
	a := &Admin{
		log: log, metrics: m, sessions: h, hooks: h.Hooks, api: cfg.API, reloads: cfg.Reload, drain: cfg.Drain, audit: cfg.Audit, live: cfg.Live,
		cluster: cfg.Cluster, export: cfg.Export, starting: cfg.Starting,
		Listener: cfg.Listener,
	}
	a.access = newAccess(cfg.Trusted, log, func(w http.ResponseWriter, status int, text string) {
		a.reject(w, metrics.RejectedPassword, status, text)
	})
	a.SetHosts(cfg.Hosts)
	a.SetPassword(cfg.Password)
	return a
}

// SetHosts replaces the names that the Host header may have. Any goroutine may call it.
func (a *Admin) SetHosts(hosts origin.Hosts) { a.hosts.Store(&hosts) }

// SetPassword replaces the password of operators; empty for none. Any goroutine may call it.
func (a *Admin) SetPassword(to string) { a.access.setPassword(to) }

// HTTPServer returns the server of the port. The caller serves the Listener with it.
func (a *Admin) HTTPServer() *http.Server {
	server := &http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: adminHeadTimeout,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(a.live.End)
	return server
}

// routes returns the handler of all paths. guard checks every request first.
func (a *Admin) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, handler := range a.live.Routes() {
		mux.Handle(pattern, a.access.operators(handler))
	}
	mux.Handle("POST /live/api/{method}", a.access.operators(callAPI(a.api, a.access.operator)))
	mux.Handle("POST /-/drain", a.access.operators(begin(a.drain, a.access.operator)))
	mux.Handle("GET /export", a.access.operators(serveExport(a.export, a.access.operator)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", a.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.Registry, promhttp.HandlerOpts{}))
	mux.Handle("GET "+site.Root, site.Handler())
	mux.HandleFunc(api.Path, a.serveAPI)
	mux.HandleFunc(api.Path+"/", a.serveAPI)
	for path, handler := range map[string]http.HandlerFunc{
		"POST /-/reload":           a.reload,
		"GET /cluster":             a.showCluster,
		"GET /connections":         a.listConnections,
		"DELETE /connections/{id}": a.closeConnection,
		"/debug/pprof/":            pprof.Index,
		"/debug/pprof/cmdline":     pprof.Cmdline,
		"/debug/pprof/profile":     pprof.Profile,
		"/debug/pprof/symbol":      pprof.Symbol,
		"/debug/pprof/trace":       pprof.Trace,
	} {
		mux.Handle(path, a.access.checkPassword(handler))
	}
	return a.guard(whileStarting(a.starting, mux))
}

// serveAPI handles the server API while it is on this port.
func (a *Admin) serveAPI(w http.ResponseWriter, r *http.Request) {
	if !a.api.Serves(api.OnAdmin) {
		http.NotFound(w, r)
		return
	}
	a.api.ServeHTTP(w, r)
}

// ownOrigin allows only pages of the server itself.
var ownOrigin origin.Allowed

// guard rejects requests that a web page of another site may have caused: with a foreign host name (DNS rebinding), or across sites. It also
// applies to read requests, because a profile costs CPU.
func (a *Admin) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch site := r.Header.Get("Sec-Fetch-Site"); {
		case !a.hosts.Load().Allow(r.Host):
			a.reject(w, metrics.RejectedHost, http.StatusMisdirectedRequest, origin.ForeignHost(r.Host))
		case site == "cross-site", site == "same-site", !ownOrigin.Allow(ws.FieldOf(r.Header["Origin"]), r.Host):
			a.reject(w, metrics.RejectedCrossSite, http.StatusForbidden,
				"pages of other sites may not use the admin port: open its address directly")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// reject sends an error response, counts it, and closes the connection after it.
func (a *Admin) reject(w http.ResponseWriter, why string, status int, text string) {
	a.metrics.HTTPRejected.WithLabelValues(why).Inc()
	w.Header().Set("Connection", "close")
	http.Error(w, text, status)
}
