package edge

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/limiter"
)

// proxies are the addresses of the proxies whose X-Forwarded-For and PROXY protocol headers are trusted. The zero Prefix stands for all peers of
// Unix sockets, whose address is the zero Addr.
type proxies []netip.Prefix

// proxyUnix is the setting for the peers of Unix sockets.
const proxyUnix = "unix"

// ParseProxies parses IP addresses and networks, such as 127.0.0.1 and 10.0.0.0/8, and the word unix.
func ParseProxies(texts []string) (proxies, error) {
	var all proxies
	for _, text := range texts {
		if text == proxyUnix {
			all = append(all, netip.Prefix{})
			continue
		}
		p, err := netip.ParsePrefix(text)
		if a, no := netip.ParseAddr(text); no == nil && a.Zone() == "" {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q: must be an IP address, a network or unix", text)
		}
		all = append(all, p)
	}
	return all, nil
}

// trusted reports whether a is the address of a trusted proxy.
func (p proxies) trusted(a netip.Addr) bool {
	if !a.IsValid() {
		return slices.Contains(p, netip.Prefix{})
	}
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(each netip.Prefix) bool { return each.Contains(a) })
}

// unknownClient stands for all clients of trusted proxies whose address is not in the header. They share the limits of one address.
var unknownClient = netip.IPv6Unspecified()

// clientIP returns the address of the client by the X-Forwarded-For header; forwarded has its lines, joined by commas. Each proxy appends the
// address of its peer, so a client can forge only the addresses before that. Read from the right, the first item that is not a trusted proxy
// counts:
//
//	item that counts                    result
//	an address                          the address
//	no address: "unknown", "_hidden"    unknownClient
//	none: all are trusted proxies       the first address of the header
//	none: no item, or only empty ones   proxy
func (p proxies) clientIP(proxy netip.Addr, forwarded string) netip.Addr {
	last := proxy
	for forwarded != "" {
		at := strings.LastIndexByte(forwarded, ',')
		item := strings.Trim(forwarded[at+1:], " \t")
		forwarded = forwarded[:max(at, 0)]
		if item == "" {
			continue
		}
		a, ok := parseForwarded(item)
		if !ok {
			return unknownClient
		}
		last = a
		if !p.trusted(a) {
			break
		}
	}
	return last
}

// parseForwarded parses an item of X-Forwarded-For: an address, optionally in brackets or with a port.
func parseForwarded(item string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(item); err == nil {
		return a, true
	}
	if inner, found := strings.CutPrefix(item, "["); found && strings.HasSuffix(inner, "]") {
		a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return a, err == nil && a.Is6()
	}
	a, err := netip.ParseAddrPort(item)
	return a.Addr(), err == nil
}

// addressKey returns the address key of the client of a request: of peer, or of the client in X-Forwarded-For if peer is a trusted proxy.
func (p proxies) addressKey(peer netip.Addr, forwarded string) netip.Addr {
	if p.trusted(peer) {
		peer = p.clientIP(peer, forwarded)
	}
	return limiter.AddressKey(peer)
}

// addressKeyOf is addressKey for a request that net/http has parsed.
func (p proxies) addressKeyOf(r *http.Request) netip.Addr {
	return p.addressKey(socketOf(r).peer, strings.Join(r.Header["X-Forwarded-For"], ","))
}
