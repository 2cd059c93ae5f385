package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// ParseURL parses the URL of a server that uses the protocol p.
func ParseURL(text string, p *Protocol) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("url: missing")
	}
	if !strings.ContainsAny(text, ".:/[") && text != "localhost" {
		return nil, fmt.Errorf("%q: must be a URL, ws://host:port/path or wss://host:port/path, or a scenario (throng bench --help lists them)", text)
	}
	if !strings.Contains(text, "://") {
		text = "ws://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	switch u.Scheme {
	case "ws", "wss":
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	default:
		return nil, fmt.Errorf("url %s: must be ws://host:port/path or wss://host:port/path", text)
	}
	if u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("url %s: must be ws://host:port/path or wss://host:port/path", text)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("url %s: the port must be 1 to 65535", text)
		}
	}
	if u.Path == "" || u.Path == "/" {
		path, query, _ := strings.Cut(p.Path, "?")
		u.Path = path
		if u.RawQuery == "" {
			u.RawQuery = query
		}
	}
	return u, nil
}

// Secure reports whether a URL is one of TLS.
func Secure(u *url.URL) bool { return u.Scheme == "wss" }

// Resolve resolves the URL's host once, so that no lookup is part of a connect time.
func Resolve(ctx context.Context, u *url.URL) (Target, error) {
	port := 80
	if Secure(u) {
		port = 443
	}
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil {
			return Target{}, fmt.Errorf("port of %s: %w", u, err)
		}
		port = n
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return Target{}, fmt.Errorf("resolve %s: %w", u.Hostname(), err)
	}
	best := ips[0].Unmap()
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() {
			best = ip
			break
		}
	}
	return Target{URL: u.String(), Address: netip.AddrPortFrom(best, uint16(port))}, nil
}

// request returns the opening handshake for a room: the texts before and after its key.
func request(t *Target, plan *Plan, room string) (before, after string, err error) {
	p := &plan.Protocol
	u, err := url.Parse(t.URL)
	if err != nil {
		return "", "", err
	}
	if room != "" && p.Query != "" {
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += fill(p.Query, url.QueryEscape(room))
	}
	headers := strings.Join(plan.Headers, "\r\n")
	if headers != "" {
		headers = "\r\n" + headers
	}
	if name := cmp.Or(plan.Subprotocol, p.Subprotocol); name != "" {
		headers += "\r\nSec-WebSocket-Protocol: " + name
	}
	if plan.Compress {
		headers += "\r\nSec-WebSocket-Extensions: " + offer
	}
	return "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host +
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13" + headers + "\r\nSec-WebSocket-Key: ", "\r\n\r\n", nil
}
