package admin

import (
	"net/http"
	"strings"
)

// The admin port of a server that starts: it reads its rooms, or waits for the other nodes of its cluster.

// answersAtStart reports whether a path does not need the rooms and the connections of the server, which do not run yet.
func answersAtStart(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/metrics", "/cluster":
		return true
	}
	return strings.HasPrefix(path, "/debug/pprof/") || strings.HasPrefix(path, "/docs/")
}

// whileStarting rejects requests that the server cannot handle before it serves. starting returns what it waits for; empty while it serves.
func whileStarting(starting func() string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if waits := starting(); waits != "" && !answersAtStart(r.URL.Path) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "the server starts: "+waits, http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}
