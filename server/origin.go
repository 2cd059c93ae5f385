package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// originAllowed says whether a page of that origin may open a WebSocket here (RFC 6455, 10.2). Browsers send the header
// and pages cannot change it; without this check any site could chat in the name of its visitors. A client without the
// header is no browser. The server's own host is always allowed, others by --origin.
func originAllowed(r *http.Request, allowed []string) bool {
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return true
	}
	if len(origins) > 1 {
		return false
	}
	origin := strings.ToLower(origins[0])
	if slices.Contains(allowed, "*") || slices.ContainsFunc(allowed, func(a string) bool { return strings.ToLower(a) == origin }) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && validOrigin(origin) && strings.EqualFold(u.Host, r.Host)
}

// validOrigin is for scheme://host and scheme://host:port, with nothing around it (RFC 6454, 6.2).
func validOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && s == u.Scheme+"://"+u.Host
}
