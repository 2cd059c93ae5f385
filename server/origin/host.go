package origin

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/logqueue"
)

// Hosts are the names, besides IP addresses and localhost, that the Host header of a request may have. A web page whose
// own name resolves to this machine (DNS rebinding) is same-origin with the server in the eyes of its browser, but
// the browser sends that page's name as Host. An entry is a name, "*.NAME" for the names below it, or "*" for all.
type Hosts []string

// Allow reports whether a Host header is acceptable. An absent Host is: no browser omits it.
func (h Hosts) Allow(host string) bool {
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

// ValidHost reports whether s can be an entry of hosts.
func ValidHost(s string) bool {
	if s == "*" {
		return true
	}
	s = strings.TrimPrefix(s, "*.")
	return s != "" && len(s) <= 253 && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`*/:@[]?#\,`, r) })
}

// ForeignHost is the text of status 421.
func ForeignHost(host string) string {
	return fmt.Sprintf("Host %q is not a name of this server: use its IP address or localhost, or start the server with --host %s to allow it",
		logqueue.Clip(host), logqueue.Clip(hostName(host)))
}

// IsLoopback reports whether an address can be reached from this machine only.
func IsLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
