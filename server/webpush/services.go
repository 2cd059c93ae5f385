package webpush

import (
	"slices"
	"strings"
)

// KnownServices are the push services of the common browsers: Chrome and those with its engine, Firefox, Safari, Edge on Windows.
var KnownServices = []string{"fcm.googleapis.com", "*.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com"}

// Services are the hosts of the push services that are allowed. Immutable.
type Services struct {
	hosts   []string // names, "*.NAME" for names below NAME, or "*"
	private bool     // addresses that are not public, and any port
}

// NewServices returns the allowed push services; KnownServices if hosts is empty. private allows addresses that are not public, and any port.
func NewServices(hosts []string, private bool) Services {
	if len(hosts) == 0 {
		hosts = KnownServices
	}
	return Services{hosts, private}
}

// has reports whether a host in lower case is allowed.
func (sv Services) has(host string) bool {
	return slices.ContainsFunc(sv.hosts, func(allowed string) bool {
		if suffix, ok := strings.CutPrefix(allowed, "*"); ok { // "*" has an empty suffix: all hosts
			return strings.HasSuffix(host, suffix)
		}
		return host == allowed
	})
}
