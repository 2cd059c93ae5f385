package admin

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
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
	audit    *audit.Log
	hosts    atomic.Pointer[origin.Hosts]

	Listener net.Listener
}

// Config has the settings of the admin port.
type Config struct {
	Listener net.Listener
	Hosts    origin.Hosts             // names that the Host header may have
	API      *api.API                 // used while it serves this port
	Reload   func(audit.Actor) Reload // reads and applies the settings; it may block
	Audit    *audit.Log               // of what operators do; nil for none
}

// New returns the admin port.
func New(cfg Config, h *session.Sessions, m *metrics.Metrics, log *slog.Logger) *Admin {
	a := &Admin{log: log, metrics: m, sessions: h, hooks: h.Hooks, api: cfg.API, reloads: cfg.Reload, audit: cfg.Audit, Listener: cfg.Listener}
	a.SetHosts(cfg.Hosts)
	return a
}

// SetHosts replaces the names that the Host header may have. Any goroutine may call it.
func (a *Admin) SetHosts(hosts origin.Hosts) { a.hosts.Store(&hosts) }

// HTTPServer returns the server of the port. The caller serves the Listener with it.
func (a *Admin) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: adminHeadTimeout,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}

// routes returns the handler of all paths. guard checks every request first.
func (a *Admin) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", a.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc(api.Path, a.serveAPI)
	mux.HandleFunc(api.Path+"/", a.serveAPI)
	mux.HandleFunc("POST /-/reload", a.reload)
	mux.HandleFunc("GET /connections", a.listConnections)
	mux.HandleFunc("DELETE /connections/{id}", a.closeConnection)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return a.guard(mux)
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

// respond sends body as JSON.
func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error means that the client has disconnected.
	if err := json.NewEncoder(w).Encode(body); err != nil {
		return
	}
}
