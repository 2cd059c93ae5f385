package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/throng-chat/throng/server/ws"
)

// origin is a page's origin (RFC 6454): scheme, host and port.
type origin struct {
	scheme string // in lower case
	site
}

// site is a host and a port. Two that are equal by == are the same.
type site struct {
	name string     // in lower case; empty for an address
	addr netip.Addr // of an address
	port uint16     // 0 for none
}

// defaultPorts are the ports that browsers leave out of an origin.
var defaultPorts = map[string]uint16{"http": 80, "https": 443}

// withDefaultPort returns s with the default port of a scheme if s has no port.
func (s site) withDefaultPort(scheme string) site {
	if s.port == 0 {
		s.port = defaultPorts[scheme]
	}
	return s
}

// HostRule completes the error about a malformed header Host.
const HostRule = "must be a host name or an IP address, with or without a port"

// parseSite reads host or host:port. It allocates only if the host has upper-case letters.
func parseSite(text string) (s site, ok bool) {
	host := text
	if at := strings.LastIndexByte(text, ':'); at >= 0 && !strings.HasSuffix(text, "]") {
		host = text[:at]
		if digits := text[at+1:]; digits != "" {
			port, err := strconv.ParseUint(digits, 10, 16)
			if err != nil || port == 0 || digits[0] == '+' {
				return site{}, false
			}
			s.port = uint16(port)
		}
	}
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, found = strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		s.addr = a
		return s, found && err == nil && a.Is6() && a.Zone() == ""
	}
	if host == "" || strings.ContainsFunc(host, notInName) {
		return site{}, false
	}
	// A name whose last label is a number must be an IPv4 address (WHATWG URL, 3.5).
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last != "" && strings.Trim(last, "0123456789") == "" {
		a, err := netip.ParseAddr(host)
		s.addr = a
		return s, err == nil
	}
	s.name = strings.ToLower(host)
	return s, true
}

func notInName(r rune) bool {
	return r >= 0x80 || !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r))
}

// WellFormedHost reports whether the value of a Host header is a host with or without a port (RFC 9110, 7.2).
func WellFormedHost(host string) bool {
	_, ok := parseSite(host)
	return ok
}

// parseOrigin reads scheme://host or scheme://host:port, without other characters around it (RFC 6454, 6.2). Apps and browser extensions
// have schemes of their own. Only file:// has no host.
func parseOrigin(text string) (o origin, ok bool) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found || !validScheme(scheme) {
		return origin{}, false
	}
	o.scheme = strings.ToLower(scheme)
	if o.scheme == "file" {
		return o, rest == ""
	}
	s, ok := parseSite(rest)
	o.site = s.withDefaultPort(o.scheme)
	return o, ok && !strings.HasSuffix(rest, ":")
}

// validScheme follows RFC 3986, 3.1.
func validScheme(s string) bool {
	for i, c := range []byte(s) {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	return s != ""
}

// Allowed has the origins whose pages may connect, in addition to the server's own. It is immutable.
type Allowed struct {
	all  bool            // "*"
	null bool            // "null"
	one  map[origin]bool // listed by full name
	sub  []origin        // name is ".example.com": all subdomains of it
}

// Parse reads the values of the setting origin. The error describes what the first invalid value must be.
func Parse(texts []string) (Allowed, error) {
	all := Allowed{one: map[origin]bool{}}
	for _, text := range texts {
		switch text {
		case "*":
			all.all = true
			continue
		case "null":
			all.null = true
			continue
		}
		o, sub, err := parseRule(text)
		switch {
		case err != nil:
			return Allowed{}, err
		case sub:
			all.sub = append(all.sub, o)
		default:
			all.one[o] = true
		}
	}
	return all, nil
}

// parseRule reads one value of the setting; sub reports whether it stands for the subdomains of its name.
func parseRule(text string) (o origin, sub bool, err error) {
	scheme, rest, found := strings.Cut(text, "://")
	switch {
	case !found:
		return o, false, errors.New("scheme://host or scheme://host:port, such as https://example.com; or https://*.example.com, null or *")
	case strings.EqualFold(scheme, "ws") || strings.EqualFold(scheme, "wss"):
		return o, false, errors.New("the origin of a page, which begins with http:// or https://, not the URL of a WebSocket")
	case !strings.EqualFold(scheme, "file") && strings.ContainsAny(rest, "/?#@"):
		return o, false, fmt.Errorf("%s://host or %s://host:port, without user, path and query", scheme, scheme)
	}
	rest, sub = strings.CutPrefix(rest, "*.")
	if strings.Contains(rest, "*") {
		return o, false, errors.New("an origin with a star as the whole first label, such as https://*.example.com")
	}
	if strings.ContainsFunc(rest, func(r rune) bool { return r >= 0x80 }) {
		host, port, _ := strings.Cut(rest, ":")
		ascii, no := idna.Lookup.ToASCII(host)
		if no != nil {
			return o, false, fmt.Errorf("an origin whose host is a domain name: %w", no)
		}
		if rest = ascii; port != "" {
			rest += ":" + port
		}
	}
	o, ok := parseOrigin(scheme + "://" + rest)
	switch {
	case !ok && strings.EqualFold(scheme, "file"):
		return o, false, errors.New("file:// without a path; or null, which browsers send for a page opened from a file")
	case !ok:
		return o, false, errors.New("scheme://host or scheme://host:port, with a port of 1 to 65535")
	case sub && o.name == "":
		return o, false, errors.New("an origin with a domain name after the star")
	case sub:
		o.name = "." + o.name
	}
	return o, sub, nil
}

// Allow reports whether a page of the origin in the header field may open a WebSocket to host (RFC 6455, 10.2). Browsers send the header,
// and pages cannot change it. Without this check, any site could use the chat in the name of its visitors. A client without the header
// is not a browser and is allowed. The server's own host and port are always allowed, with http and https, because a proxy may add TLS.
// A missing port is the default port of the origin's scheme.
func (a *Allowed) Allow(field ws.Field, host string) bool {
	switch {
	case field.Count == 0:
		return true
	case field.Count > 1:
		return false
	case a.all:
		return true
	case field.Value == "null":
		return a.null
	}
	o, ok := parseOrigin(field.Value)
	if !ok {
		return false
	}
	if own, ok := parseSite(host); ok && (o.scheme == "http" || o.scheme == "https") && own.withDefaultPort(o.scheme) == o.site {
		return true
	}
	return a.one[o] || slices.ContainsFunc(a.sub, func(s origin) bool {
		return s.scheme == o.scheme && s.port == o.port && len(o.name) > len(s.name) && strings.HasSuffix(o.name, s.name)
	})
}
