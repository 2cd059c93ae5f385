package bench

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// target is where to connect, and what to ask for there.
type target struct {
	url  *url.URL
	addr netip.AddrPort // valid after resolve
}

// parseTarget reads the URL a person gave.
func parseTarget(text, room string) (*target, error) {
	if text == "" {
		return nil, fmt.Errorf("url: none given")
	}
	if !strings.Contains(text, "://") {
		text = "ws://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	switch u.Scheme {
	case "ws":
	case "http":
		u.Scheme = "ws"
	case "wss", "https":
		return nil, fmt.Errorf("url %s: TLS is not spoken yet; measure the server behind its TLS proxy, with ws://", text)
	default:
		return nil, fmt.Errorf("url %s: want ws://host:port/path", text)
	}
	if u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("url %s: want ws://host:port/path", text)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("url %s: want a port of 1 to 65535", text)
		}
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/ws"
	}
	if room != "" {
		if u.Path != "/ws" || u.RawQuery != "" {
			return nil, fmt.Errorf("room: goes only with a URL of path /ws and no query; put it into the URL")
		}
		u.RawQuery = url.Values{"room": {room}}.Encode()
	}
	return &target{url: u}, nil
}

// resolve looks the host up once, so that no lookup is part of a connect time.
func (t *target) resolve(ctx context.Context) error {
	port := 80
	if p := t.url.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil {
			return fmt.Errorf("port of %s: %w", t.url, err)
		}
		port = n
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", t.url.Hostname())
	if err != nil {
		return fmt.Errorf("find %s: %w", t.url.Hostname(), err)
	}
	best := ips[0].Unmap()
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() {
			best = ip
			break
		}
	}
	t.addr = netip.AddrPortFrom(best, uint16(port))
	return nil
}

// local says whether the target is this machine, as far as its address tells.
func (t *target) local() bool { return t.addr.Addr().IsLoopback() }

// request is the opening handshake, but for its key.
func (t *target) request() (before, after string) {
	return "GET " + t.url.RequestURI() + " HTTP/1.1\r\nHost: " + t.url.Host +
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ", "\r\n\r\n"
}
