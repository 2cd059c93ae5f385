package webpush

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// errPrivate is the error of a connection to an address that is not public.
var errPrivate = errors.New("the host has an address that is not public")

// notPublic are the networks of special use (RFC 6890) that netip calls global unicast. Those of IPv6 that contain an IPv4 address are among
// them: a gateway would translate it.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // shared by the customers of a provider
	netip.MustParsePrefix("192.0.0.0/24"),    // protocols
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved
	netip.MustParsePrefix("::/96"),           // compatible with IPv4
	netip.MustParsePrefix("64:ff9b::/96"),    // translated to IPv4
	netip.MustParsePrefix("64:ff9b:1::/48"),  // the same, locally
	netip.MustParsePrefix("100::/64"),        // discarded
	netip.MustParsePrefix("2001::/23"),       // protocols, among them Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("5f00::/16"),       // segment routing
	netip.MustParsePrefix("fec0::/10"),       // site-local
}

// isPublic reports whether an address belongs to the public Internet.
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// newDialer returns a dialer that rejects addresses that are not public, unless private allows them. It checks the address of each connection
// after the name lookup, so the answer of a name server cannot change behind the check.
func newDialer(timeout time.Duration, private bool) *net.Dialer {
	d := &net.Dialer{Timeout: timeout}
	if !private {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("address of the push service: %w", err)
			}
			if !isPublic(to.Addr()) {
				return errPrivate
			}
			return nil
		}
	}
	return d
}
