package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/throng-chat/throng/server"
)

// socketPath is the path of the SDK protocol.
const socketPath = "/connection/websocket"

// serverAddress is where a client finds a server.
type serverAddress struct {
	url    string // ws:// or wss://, with a path; http:// or https:// for the admin port
	socket string // the path of a Unix socket; empty for TCP
}

// transport returns a transport for single requests to an address. It uses no proxy.
func (at serverAddress) transport(config *tls.Config) *http.Transport {
	tr := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	if at.socket != "" {
		tr.DialContext = at.dialSocket
	}
	return tr
}

// dialSocket connects to the Unix socket, whatever the network and the address.
func (at serverAddress) dialSocket(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", at.socket)
}

// adminAddress returns the address of an admin port: http://HOST:PORT, https://HOST:PORT or unix:/PATH.
func adminAddress(text string) (serverAddress, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return serverAddress{url: "http://localhost", socket: path}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return serverAddress{}, fmt.Errorf("admin = %q: must be http://HOST:PORT, https://HOST:PORT or unix:/PATH", text)
	}
	return serverAddress{url: strings.TrimSuffix(text, "/")}, nil
}

// clientAddress returns the address of a URL of the command line: ws://, wss://, http://, https://, or unix:/path.
func clientAddress(text string) (serverAddress, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return serverAddress{}, fmt.Errorf("url = %q: must have the path of a socket", text)
		}
		return serverAddress{url: "ws://localhost" + socketPath, socket: path}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return serverAddress{}, fmt.Errorf("url = %q: must be ws://HOST:PORT, wss://HOST:PORT or unix:/PATH", text)
	}
	scheme, ok := map[string]string{"ws": "ws", "http": "ws", "wss": "wss", "https": "wss"}[u.Scheme]
	switch {
	case !ok:
		return serverAddress{}, fmt.Errorf("url = %q: the scheme must be ws, wss or unix", text)
	case u.User != nil:
		return serverAddress{}, errors.New("url: must have no user and password")
	}
	u.Scheme = scheme
	if u.Path == "" || u.Path == "/" {
		u.Path = socketPath
	}
	return serverAddress{url: u.String()}, nil
}

// serverAddresses are the addresses of the nodes of a cluster, or of one server. A Unix socket is alone.
type serverAddresses []serverAddress

// urls returns the URLs as the SDK takes them.
func (all serverAddresses) urls() string {
	var urls []string
	for _, at := range all {
		urls = append(urls, at.url)
	}
	return strings.Join(urls, ",")
}

func (all serverAddresses) String() string {
	if all[0].socket != "" {
		return all[0].socket
	}
	return all.urls()
}

// clientAddresses returns the addresses of URLs of the command line.
func clientAddresses(texts []string) (all serverAddresses, err error) {
	for _, text := range texts {
		at, err := clientAddress(text)
		if err != nil {
			return nil, err
		}
		all = append(all, at)
		switch {
		case len(texts) > 1 && at.socket != "":
			return nil, fmt.Errorf("url = %q: a Unix socket must be the only server", text)
		case strings.HasPrefix(at.url, "wss:") != strings.HasPrefix(all[0].url, "wss:"):
			return nil, fmt.Errorf("url = %q: must have the same scheme as %s", text, all[0].url)
		}
	}
	return all, nil
}

// publicAddress returns the address of the server's public port for a client on its machine.
func publicAddress(cfg *server.Config) (serverAddress, error) {
	switch {
	case strings.HasPrefix(cfg.Listen, "unix:"):
		return clientAddress(cfg.Listen)
	case cfg.Listen != "off":
		return clientAddress("ws://" + reachable(cfg.Listen))
	}
	return clientAddress("wss://" + reachable(cfg.TLSListen))
}

// reachable returns the address by which a client on its machine reaches a port that listens on address: the loopback address in place of all
// addresses.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address // Validate has accepted it
	}
	switch ip := net.ParseIP(host); {
	case host == "" || ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip.Equal(net.IPv6unspecified):
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
