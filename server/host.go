package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/ws"
)

// hosts are the names, besides IP addresses and localhost, that the Host header of a request may have. A web page whose
// own name resolves to this machine (DNS rebinding) is same-origin with the server in the eyes of its browser, but
// the browser sends that page's name as Host. An entry is a name, "*.NAME" for the names below it, or "*" for all.
type hosts []string

// allow reports whether a Host header is acceptable. An absent Host is: no browser omits it.
func (h hosts) allow(host string) bool {
	name := hostName(host)
	if name == "" && host == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return slices.ContainsFunc(h, func(each string) bool {
		each = strings.ToLower(each)
		below, wildcard := strings.CutPrefix(each, "*")
		return each == name || wildcard && strings.HasSuffix(name, below)
	})
}

// hostName is a Host header without the port, in lower case. It is empty where the header has no name.
func hostName(host string) string {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		name = strings.TrimSuffix(inner, "]")
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// validHost reports whether s can be an entry of hosts.
func validHost(s string) bool {
	if s == "*" {
		return true
	}
	s = strings.TrimPrefix(s, "*.")
	return s != "" && len(s) <= 253 && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`*/:@[]?#\,`, r) })
}

// callsUs reports whether host, the Host header of a request to the public port is acceptable. It is checked on a loopback
// listener, and wherever --host is set.
func (s *Server) callsUs(host string) bool { return !s.checksHost || s.hosts.allow(host) }

// foreignHost is the text of status 421.
func foreignHost(host string) string {
	return fmt.Sprintf("Host %q is not a name of this server: use its IP address or localhost, or start the server with --host %s to allow it",
		clip(host), clip(hostName(host)))
}

// guardHost refuses requests to the public port whose Host header is not acceptable, whatever their path.
func (s *Server) guardHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isSocket(r.URL.Path): // admit refuses and counts the handshakes
		case r.Host != "" && !wellFormedHost(r.Host):
			s.leaveBody(w, r)
			s.refuseHTTP(w, refusedHost, http.StatusBadRequest, "header Host: "+wantHost)
			return
		case !s.callsUs(r.Host):
			s.leaveBody(w, r)
			s.refuseHTTP(w, refusedHost, http.StatusMisdirectedRequest, foreignHost(r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownOrigin allows no page but the server's own.
var ownOrigin origins

// guardAdmin refuses requests to the admin port that a web page of another site may have caused: by a name that is not
// ours (DNS rebinding), or across sites. It applies to reads as well, as a profile costs CPU.
func (s *Server) guardAdmin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch site := r.Header.Get("Sec-Fetch-Site"); {
		case !s.hosts.allow(r.Host):
			s.refuseHTTP(w, refusedHost, http.StatusMisdirectedRequest, foreignHost(r.Host))
		case site == "cross-site", site == "same-site", !ownOrigin.allow(ws.FieldOf(r.Header["Origin"]), r.Host):
			s.refuseHTTP(w, refusedCrossSite, http.StatusForbidden,
				"a page of another site may not use the admin port: open its address directly")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// refuseHTTP answers a request that is not served, counts it, and ends its connection.
func (s *Server) refuseHTTP(w http.ResponseWriter, why string, status int, text string) {
	s.metrics.httpRefused.WithLabelValues(why).Inc()
	w.Header().Set("Connection", "close")
	http.Error(w, text, status)
}

// isLoopback reports whether an address can be reached from this machine only.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
