package origin

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/logqueue"
)

// Hosts are the names that the Host header of a request may have, in addition to IP addresses and localhost. If the name of a web page
// resolves to this machine (DNS rebinding), the browser treats the page and the server as the same origin, but sends the name of the
// page as Host. An entry is a name, "*.NAME" for its subdomains, or "*" for all names.
type Hosts []string

// Allow reports whether a Host header is allowed. A missing Host is allowed, because browsers always send it.
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

// hostName returns the host of a Host header without the port, in lower case; "" if the header has no host.
func hostName(host string) string {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		name = strings.TrimSuffix(inner, "]")
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// ValidHost reports whether s can be an entry of Hosts.
func ValidHost(s string) bool {
	if s == "*" {
		return true
	}
	s = strings.TrimPrefix(s, "*.")
	return s != "" && len(s) <= 253 && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`*/:@[]?#\,`, r) })
}

// ForeignHost returns the text of a 421 response.
func ForeignHost(host string) string {
	return fmt.Sprintf("Host %q is not a name of this server: use its IP address or localhost, or start the server with --host %s to allow it",
		logqueue.Clip(host), logqueue.Clip(hostName(host)))
}

// IsLoopback reports whether an address is reachable only from this machine.
func IsLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
