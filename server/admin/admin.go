package admin

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

const adminHeadTimeout = 5 * time.Second // for the head of a request

// Admin is the admin port, for operators. Constant after newAdmin.
type Admin struct {
	log     *slog.Logger
	metrics *metrics.Metrics
	hub     *session.Sessions
	hooks   *session.Hooks // nil for none
	api     *api.API       // nil where it is not on this port
	hosts   origin.Hosts

	Listener net.Listener
}

// New is for a listener. allowed are the names that the Host header may have. api is nil where it is not on this port.
func New(listener net.Listener, allowed origin.Hosts, h *session.Sessions, api *api.API, m *metrics.Metrics, log *slog.Logger) *Admin {
	return &Admin{log: log, metrics: m, hub: h, hooks: h.Hooks, api: api, hosts: allowed, Listener: listener}
}

// HttpServer answers on the listener.
func (a *Admin) HttpServer() *http.Server {
	return &http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: adminHeadTimeout,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}

// routes are the paths of the admin port: health, metrics, connections, profiles. guard stands before all of them.
func (a *Admin) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", a.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.Registry, promhttp.HandlerOpts{}))
	if a.api != nil {
		mux.Handle(api.Path, a.api)
		mux.Handle(api.Path+"/", a.api)
	}
	mux.HandleFunc("GET /connections", a.listConnections)
	mux.HandleFunc("DELETE /connections/{id}", a.closeConnection)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return a.guard(mux)
}

// ownOrigin allows no page but the server's own.
var ownOrigin origin.Allowed

// guard refuses requests to the admin port that a web page of another site may have caused: by a name that is not
// ours (DNS rebinding), or across sites. It applies to reads as well, as a profile costs CPU.
func (a *Admin) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch site := r.Header.Get("Sec-Fetch-Site"); {
		case !a.hosts.Allow(r.Host):
			a.refuse(w, metrics.RefusedHost, http.StatusMisdirectedRequest, origin.ForeignHost(r.Host))
		case site == "cross-site", site == "same-site", !ownOrigin.Allow(ws.FieldOf(r.Header["Origin"]), r.Host):
			a.refuse(w, metrics.RefusedCrossSite, http.StatusForbidden,
				"a page of another site may not use the admin port: open its address directly")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// refuse answers a request that is not served, counts it, and ends its connection.
func (a *Admin) refuse(w http.ResponseWriter, why string, status int, text string) {
	a.metrics.HttpRefused.WithLabelValues(why).Inc()
	w.Header().Set("Connection", "close")
	http.Error(w, text, status)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error means that the asker has gone.
	if err := json.NewEncoder(w).Encode(body); err != nil {
		return
	}
}
