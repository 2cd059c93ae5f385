package main

import (
	"context"
	"encoding/json"
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
const maxHealthBody = 16 << 10

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
	client := &http.Client{Transport: at.transport(config)}
	status, body, err := askHealth(ctx, client, at.url+path)
	if err != nil {
		return err
	}
	answer, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	answer = strings.Trim(answer, `"`) // it is JSON
	if status != "200 OK" {
		return fmt.Errorf("%s: %s", status, answer)
	}
	if answer == "degraded" {
		answer += whyDegraded(ctx, client, at.url+path)
	}
	_, err = fmt.Fprintln(std.out, result.Printable(answer))
	return err
}

// askHealth returns the status and the body of a path of the admin port.
func askHealth(ctx context.Context, client *http.Client, url string) (status string, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", nil, &exitError{code: exitUsage, err: fmt.Errorf("admin: %w", err)}
	}
	response, err := client.Do(request)
	if err != nil {
		return "", nil, fmt.Errorf("not reachable: %w", err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(io.LimitReader(response.Body, maxHealthBody)); err != nil {
		return "", nil, fmt.Errorf("not reachable: %w", err)
	}
	return response.Status, body, nil
}

// whyDegraded returns ": " and the reason why a server does not accept all publications; empty if it accepts them meanwhile.
func whyDegraded(ctx context.Context, client *http.Client, url string) string {
	var ready struct {
		Checks map[string]struct {
			OK     bool
			Detail string
		}
	}
	_, body, err := askHealth(ctx, client, url+"?verbose")
	if err != nil || json.Unmarshal(body, &ready) != nil {
		return ""
	}
	for _, name := range []string{"cluster", "durable"} {
		if c, has := ready.Checks[name]; has && !c.OK && c.Detail != "" {
			return ": " + c.Detail
		}
	}
	return ""
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
