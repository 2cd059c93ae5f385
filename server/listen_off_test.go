package server

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

func TestTheTLSPortMayReplaceThePlainPort(t *testing.T) {
	t.Parallel()
	s := startTLS(t, func(c *Config) { c.Listen = "off" })
	if got := s.Addr(); got != nil {
		t.Errorf("got the plain port %v, want none", got)
	}
	a, b := dialTLS(t, s, "x", tls13), dialTLS(t, s, "x", tls12)
	a.send(ws.OpText, "over TLS only")
	b.expect(ws.OpText, "over TLS only")
	if got := getStatus(t, s, "localhost"); got != http.StatusOK {
		t.Errorf("got %d, want 200", got)
	}
	// The TLS port is a loopback address, so it checks the Host header.
	if got := getStatus(t, s, "chat.example"); got != http.StatusMisdirectedRequest {
		t.Errorf("Host chat.example: got %d, want 421", got)
	}
}

// getStatus requests the page of the TLS port with a Host header, and returns the status.
func getStatus(t *testing.T, s *Server, host string) int {
	t.Helper()
	req, err := http.NewRequest("GET", "https://"+s.TLSAddr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	resp, err := httpsClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestOnePortOfClientsIsNeeded(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Listen = "off"
	e := (*ConfigError)(nil)
	if err := cfg.Validate(); !errors.As(err, &e) || e.Key != "listen" || !strings.Contains(e.Text, "tls-listen") {
		t.Errorf("got %v, want an error for listen that names tls-listen", err)
	}
	cfg.TLSListen, cfg.TLS.Cert, cfg.TLS.Key = "127.0.0.1:0", []string{"a"}, []string{"b"}
	if err := errors.Join(cfg.Validate(), cfg.CheckAddresses()); err != nil {
		t.Error(err)
	}
	if !cfg.guestsAllowed() {
		t.Error("guests are off on a loopback address")
	}
}
