package edge

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/limiter"
)

// proxies are those whose word is believed for whom they carry.
type proxies []netip.Prefix

// ParseProxies reads addresses and networks, such as 127.0.0.1 and 10.0.0.0/8.
func ParseProxies(texts []string) (proxies, error) {
	var all proxies
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if a, no := netip.ParseAddr(text); no == nil && a.Zone() == "" {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is no address and no network", text)
		}
		all = append(all, p)
	}
	return all, nil
}

func (p proxies) trusted(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(each netip.Prefix) bool { return each.Contains(a) })
}

// nameless is the address of all whom a proxy carries without saying whose they are. They share their limits, but not with the proxy.
var nameless = netip.IPv6Unspecified()

// behind is whom a proxy carries, by X-Forwarded-For, whose lines are joined by commas: each proxy adds at the end whom it was called by,
// and what stands before the last that is no proxy of ours, anybody may have written. Empty items say nothing. Where none says anything,
// it is the proxy; where the one that counts is no address ("unknown", "_hidden"), it is nameless.
func (p proxies) behind(proxy netip.Addr, forwarded string) netip.Addr {
	last := proxy
	for forwarded != "" {
		at := strings.LastIndexByte(forwarded, ',')
		item := strings.Trim(forwarded[at+1:], " \t")
		forwarded = forwarded[:max(at, 0)]
		if item == "" {
			continue
		}
		a, ok := forwardedBy(item)
		if !ok {
			return nameless
		}
		last = a
		if !p.trusted(a) {
			break
		}
	}
	return last
}

// forwardedBy reads one item of X-Forwarded-For: an address, in brackets or not, with a port or not.
func forwardedBy(item string) (netip.Addr, bool) {
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

// source is what counts as the address of a request that peer sent, with this X-Forwarded-For.
func (p proxies) source(peer netip.Addr, forwarded string) netip.Addr {
	if p.trusted(peer) {
		peer = p.behind(peer, forwarded)
	}
	return limiter.AddressKey(peer)
}

// sourceOf is what counts as the address of a request.
func (p proxies) sourceOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.source(peer.Addr(), strings.Join(r.Header["X-Forwarded-For"], ","))
}
