package edge

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/throng-chat/throng/server/metrics"
)

const httpsPort = 443 // which a URL of https need not name

// redirects reports whether the requests to ac are redirected to https.
func (ac *Acceptor) redirects() bool { return ac.tls == nil && ac.Edge.redirectPort > 0 }

// HTTPServer returns the server of the requests that ac does not handle.
func (ac *Acceptor) HTTPServer() *http.Server {
	server := ac.Edge.HTTPServer()
	if ac.redirects() {
		server.Handler = ac.Edge.guardHost(http.HandlerFunc(ac.Edge.redirect))
	}
	return server
}

// redirect sends the client to the same path by https. It rejects WebSocket handshakes, because no browser follows a redirect of one.
func (e *Edge) redirect(w http.ResponseWriter, r *http.Request) {
	e.skipBody(w, r)
	switch {
	case isSocket(r.URL.Path):
		e.reject(w, r, &rejection{metrics.HandshakeRedirect, http.StatusForbidden,
			fmt.Sprintf("this port only redirects to TLS: connect by wss:// to port %d", e.redirectPort)})
	case !e.throttle(r):
		// The client has disconnected.
	case r.Host == "":
		w.Header().Set("Connection", "close")
		http.Error(w, "this port redirects to https: the request needs a Host header", http.StatusBadRequest)
	default:
		path := r.URL.RequestURI()
		if !strings.HasPrefix(path, "/") { // OPTIONS *
			path = "/"
		}
		w.Header().Set("Location", "https://"+e.overTLS(r.Host)+path)
		w.WriteHeader(http.StatusPermanentRedirect)
	}
}

// overTLS returns a Host header with the port of https.
func (e *Edge) overTLS(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if e.redirectPort == httpsPort {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(e.redirectPort))
}
