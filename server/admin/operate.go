package admin

import (
	"mime"
	"net/http"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/audit"
)

// callAPI handles POST /live/api/METHOD: a call of the server API by an operator, without a key.
func callAPI(a *api.API, operator func(*http.Request) audit.Actor) http.Handler {
	return onlyJSON(func(w http.ResponseWriter, r *http.Request) {
		a.ServeOperator(w, r, r.PathValue("method"), operator(r))
	})
}

// begin handles POST /-/drain: a graceful stop, as by SIGTERM.
func begin(drain func(audit.Actor), operator func(*http.Request) audit.Actor) http.Handler {
	return onlyJSON(func(w http.ResponseWriter, r *http.Request) {
		drain(operator(r))
		respond(w, http.StatusAccepted, "draining")
	})
}

// onlyJSON rejects other content types: a form of another page cannot send JSON.
func onlyJSON(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			respond(w, http.StatusUnsupportedMediaType, map[string]string{"error": "want Content-Type: application/json"})
			return
		}
		next(w, r)
	})
}
