package admin

import (
	"fmt"
	"net/http"

	"github.com/throng-chat/throng/server/session"
)

// Readiness is the response of GET /readyz?verbose. Only the check "accepting" decides whether the server is ready. The server can serve its
// clients while the application is down; a load balancer that removed it would disconnect all of them.
type Readiness struct {
	Status string           `json:"status"` // "ready", "degraded" (durable rooms do not accept publications), "draining" or "starting"
	Checks map[string]Check `json:"checks"`
}

// Check is the result of one check.
type Check struct {
	OK     bool                          `json:"ok"`
	Detail string                        `json:"detail,omitempty"`
	Events map[string]session.HookHealth `json:"events,omitempty"` // the webhook events
}

// serveReady handles GET /readyz.
func (a *Admin) serveReady(w http.ResponseWriter, r *http.Request) {
	if waits := a.starting(); waits != "" {
		a.serveStarting(w, r, waits)
		return
	}
	status, text := http.StatusOK, "ready"
	if a.sessions.Draining.Load() {
		status, text = http.StatusServiceUnavailable, "draining"
	}
	durable := Check{OK: true}
	if a.sessions.StoresData() {
		state, err := a.sessions.DurableState()
		durable.OK, durable.Detail = state.IsInOrder(), state.String()
		if err != nil {
			durable.Detail += ": " + err.Error()
		}
	}
	inCluster := a.clusterCheck()
	if !(durable.OK && inCluster.OK) && text == "ready" {
		text = "degraded"
	}
	if !r.URL.Query().Has("verbose") {
		respond(w, status, text)
		return
	}
	live, most := a.sessions.Live.Load(), a.sessions.Limits().MaxLive
	checks := map[string]Check{
		"accepting":   {OK: status == http.StatusOK},
		"connections": {OK: live < most, Detail: fmt.Sprintf("%d of %d", live, most)},
	}
	if h := a.hooks; h.On() {
		c := Check{OK: true, Events: h.Health.All()}
		for _, e := range c.Events {
			c.OK = c.OK && e.OK
		}
		c.Detail = fmt.Sprintf("%d commands are queued, %d notifications are queued, %d notifications were dropped",
			h.Waiting(), h.Client.Waiting(), h.Client.Dropped())
		checks["webhooks"] = c
	}
	if a.cluster != nil {
		checks["cluster"] = inCluster
	}
	if a.sessions.StoresData() {
		checks["durable"] = durable
	}
	respond(w, status, Readiness{text, checks})
}

// serveStarting handles GET /readyz of a server that starts.
func (a *Admin) serveStarting(w http.ResponseWriter, r *http.Request, waits string) {
	if !r.URL.Query().Has("verbose") {
		respond(w, http.StatusServiceUnavailable, "starting: "+waits)
		return
	}
	checks := map[string]Check{"accepting": {Detail: waits}}
	if a.cluster != nil {
		checks["cluster"] = a.clusterCheck()
	}
	respond(w, http.StatusServiceUnavailable, Readiness{"starting", checks})
}

// showCluster handles GET /cluster: what this node knows of its cluster.
func (a *Admin) showCluster(w http.ResponseWriter, _ *http.Request) {
	if a.cluster == nil {
		http.Error(w, "this server is not a node of a cluster: start it with --cluster", http.StatusNotFound)
		return
	}
	respond(w, http.StatusOK, a.cluster.Status())
}

// clusterCheck is the check "cluster" of the readiness.
func (a *Admin) clusterCheck() Check {
	if a.cluster == nil {
		return Check{OK: true}
	}
	ok, why := a.cluster.Accepts()
	return Check{OK: ok, Detail: why}
}
