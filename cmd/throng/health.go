package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server"
)

// maxHealthBody is the limit of the response of the admin port, in bytes.
const maxHealthBody = 4 << 10

// healthCmd is the command throng health.
type healthCmd struct {
	Admin   string        `placeholder:"URL" help:"Admin port: http://HOST:PORT, https://HOST:PORT or unix:/PATH. By default that of the server's settings."`
	Live    bool          `help:"Only check that the server runs (/healthz), not that it accepts connections (/readyz)."`
	Timeout time.Duration `default:"3s" help:"Time for the answer."`
	tlsFlags
	serverSettings
}

// Run asks the admin port. It prints one line, and is an error unless the answer is yes.
func (hc *healthCmd) Run(std *streams) error {
	at, err := hc.address()
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	path := "/readyz"
	if hc.Live {
		path = "/healthz"
	}
	config, err := hc.tlsConfig(at)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	ctx, cancel := context.WithTimeout(context.Background(), hc.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url+path, nil)
	if err != nil {
		return &exitError{code: exitUsage, err: fmt.Errorf("admin: %w", err)}
	}
	response, err := (&http.Client{Transport: at.transport(config)}).Do(request)
	if err != nil {
		return fmt.Errorf("not reachable: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxHealthBody))
	if err != nil {
		return fmt.Errorf("not reachable: %w", err)
	}
	answer, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	answer = strings.Trim(answer, `"`) // it is JSON
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, answer)
	}
	_, err = fmt.Fprintln(std.out, result.Printable(answer))
	return err
}

// address returns the admin port of the flags, or else of the server's settings.
func (hc *healthCmd) address() (serverAddress, error) {
	text := hc.Admin
	if text == "" {
		cfg, _, err := hc.load()
		if err != nil {
			return serverAddress{}, err
		}
		if text, err = hc.ofSettings(&cfg); err != nil {
			return serverAddress{}, err
		}
	}
	return adminAddress(text)
}

// ofSettings returns the URL of the admin port. Its certificate has the name of the site, not that of this machine, so that it is not verified if
// the connection does not leave the machine.
func (hc *healthCmd) ofSettings(cfg *server.Config) (string, error) {
	switch {
	case cfg.Admin == "off":
		return "", errors.New(`admin = "off": there is no admin port to ask: set admin, or give --admin URL`)
	case strings.HasPrefix(cfg.Admin, "unix:"):
		return cfg.Admin, nil
	case !cfg.TLS.Admin:
		return "http://" + reachable(cfg.Admin), nil
	}
	host, _, err := net.SplitHostPort(reachable(cfg.Admin))
	if err == nil && net.ParseIP(host).IsLoopback() && hc.CA == "" && hc.ServerName == "" {
		hc.Insecure = true
	}
	return "https://" + reachable(cfg.Admin), err
}
