package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

func TestACertificateIsReplacedWhileClientsConnect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := time.Now().Add(20*24*time.Hour).Truncate(time.Second), time.Now().Add(40*24*time.Hour).Truncate(time.Second)
	cert, key := writePair(t, dir, first)
	const other = "other.example"
	otherCert, otherKey := filepath.Join(dir, "other.crt"), filepath.Join(dir, "other.key")
	writeOther := func(days int) (expiry time.Time) {
		expiry = time.Now().AddDate(0, 0, days).Truncate(time.Second)
		testkit.WriteCertificate(t, otherCert, otherKey, &x509.Certificate{NotAfter: expiry, DNSNames: []string{other}}, nil)
		return expiry
	}
	writeOther(90)
	s := startServer(t, func(c *Config) {
		c.TLSListen, c.TLS.Cert, c.TLS.Key = "127.0.0.1:0", []string{cert, otherCert}, []string{key, otherKey}
	})
	old := dialTLS(t, s, "x", tls13)
	expiryOf := func(name string) time.Time {
		cfg := tls13.Clone()
		cfg.ServerName = name
		conn, err := tls.Dial("tcp", s.TLSAddr().String(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].NotAfter
	}
	expiry := func() time.Time { return expiryOf("localhost") }
	if got := expiry(); !got.Equal(first) {
		t.Fatalf("got the certificate that expires at %v, want %v", got, first)
	}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					conn, err := tls.Dial("tcp", s.TLSAddr().String(), tls13)
					if err != nil {
						t.Errorf("during the replacement: %v", err)
						return
					}
					conn.Close()
				}
			}
		})
	}
	writePair(t, dir, second)
	eventually(t, "the new certificate", func() bool { return expiry().Equal(second) })
	if err := os.WriteFile(key, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for days := range 2 { // the server reads the pairs in their order: after the second time, it has read the bad key
		want := writeOther(91 + days)
		eventually(t, "the certificate of the other name", func() bool { return expiryOf(other).Equal(want) })
	}
	if got := expiry(); !got.Equal(second) {
		t.Errorf("with a bad key: got the certificate that expires at %v, want %v", got, second)
	}
	close(stop)
	clients.Wait()
	old.send(ws.OpText, "the old connection goes on")
	old.expect(ws.OpText, "the old connection goes on")
	if got := value(t, s, "throng_tls_certificate_seconds_left", ""); got < 39*24*3600 || got > 40*24*3600 {
		t.Errorf("got %v s until the expiry, want 40 days", got)
	}
}

func TestGuestsAreOffOnAPublicTLSPort(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]bool{"off": true, "127.0.0.1:443": true, "[::1]:443": true, ":443": false, "192.0.2.1:443": false} {
		cfg := DefaultConfig()
		cfg.TLSListen = listen
		if got := cfg.guestsAllowed(); got != want {
			t.Errorf("tls-listen = %q: got guests %v, want %v", listen, got, want)
		}
	}
}

// acme returns a change that sets the settings of ACME, then those of more.
func acme(more func(*Config)) func(*Config) {
	return func(c *Config) {
		c.TLSListen, c.TLS.ACMEDomains, c.TLS.ACMECache = ":443", []string{"a.example", "xn--bcher-kva.example"}, "acme"
		if more != nil {
			more(c)
		}
	}
}

func TestSettingsOfTLSDependOnEachOther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(*Config)
		key    string // of the error; empty for none
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.TLSListen, c.TLS.Cert, c.TLS.Key = ":443", []string{"a"}, []string{"b"} }, ""},
		{func(c *Config) { c.TLSListen, c.TLS.Cert, c.TLS.Key = ":443", []string{"a", "b"}, []string{"c"} }, "tls.key"},
		{func(c *Config) { c.TLSListen = ":443" }, "tls.cert"},
		{func(c *Config) { c.TLS.Cert, c.TLS.Key = []string{"a"}, []string{"b"} }, "tls.cert"},
		{func(c *Config) { c.TLS.Key = []string{"b"} }, "tls.key"},
		{func(c *Config) { c.TLS.MinVersion = "1.1" }, "tls.min-version"},
		{func(c *Config) { c.TLS.Engine = "openssl" }, "tls.engine"},
		{func(c *Config) { c.TLSListen, c.Pairs = ":443", []CertificateFiles{{"a", "b"}} }, ""},
		{func(c *Config) { c.TLSListen, c.Pairs = ":443", []CertificateFiles{{"a", "b"}, {"a", ""}} }, "tls.certificate.key"},
		{func(c *Config) { c.TLSListen, c.Pairs = ":443", []CertificateFiles{{"", "b"}} }, "tls.certificate.cert"},
		{func(c *Config) { c.Pairs = []CertificateFiles{{"a", "b"}} }, "tls.certificate.cert"},
		{acme(nil), ""},
		{acme(func(c *Config) { c.TLSListen = "off" }), "tls.acme-domains"},
		{acme(func(c *Config) { c.TLS.ACMECache = "" }), "tls.acme-cache"},
		{acme(func(c *Config) { c.TLS.ACMEEmail = "nobody" }), "tls.acme-email"},
		{acme(func(c *Config) { c.TLS.ACMEDirectory = "http://ca.example/dir" }), "tls.acme-directory"},
		{acme(func(c *Config) { c.TLS.ACMEDomains = []string{"a.example", "a.example"} }), "tls.acme-domains"},
		{acme(func(c *Config) { c.TLS.ACMEDomains = []string{"*.example.com"} }), "tls.acme-domains"},
		{acme(func(c *Config) { c.TLS.ACMEDomains = []string{"A.example"} }), "tls.acme-domains"},
		{acme(func(c *Config) { c.TLS.ACMEDomains = []string{"localhost"} }), "tls.acme-domains"},
		{acme(func(c *Config) { c.TLS.ACMEDomains = []string{"a.example."} }), "tls.acme-domains"},
		{acme(func(c *Config) {
			c.TLS.ACMEDomains = nil
			for i := range 101 {
				c.TLS.ACMEDomains = append(c.TLS.ACMEDomains, fmt.Sprintf("a%d.example", i))
			}
		}), "tls.acme-domains"},
		{func(c *Config) { c.TLS.ACMECache = "acme" }, "tls.acme-cache"},
		{func(c *Config) { c.TLS.Admin, c.TLS.Cert, c.TLS.Key = true, []string{"a"}, []string{"b"} }, ""},
		{func(c *Config) { c.TLS.Admin = true }, "tls.cert"},
		{func(c *Config) {
			c.Admin, c.TLS.Admin, c.TLS.Cert, c.TLS.Key = "off", true, []string{"a"}, []string{"b"}
		}, "tls.admin"},
		{func(c *Config) { c.TLS.AdminClientCA = "ca" }, "tls.admin-client-ca"},
		{func(c *Config) { c.TLS.RedirectPort = 443 }, "tls.redirect-port"},
		{func(c *Config) {
			c.Listen, c.TLSListen, c.TLS.Cert, c.TLS.Key, c.TLS.RedirectPort = "off", ":443", []string{"a"}, []string{"b"}, 443
		}, "tls.redirect-port"},
		{func(c *Config) {
			c.TLSListen, c.TLS.Cert, c.TLS.Key, c.TLS.RedirectPort = ":443", []string{"a"}, []string{"b"}, 65536
		}, "tls.redirect-port"},
		{func(c *Config) { c.TLSListen = "443" }, "tls-listen"},
	} {
		cfg := DefaultConfig()
		tt.change(&cfg)
		e, key := (*ConfigError)(nil), ""
		if errors.As(cfg.Validate(), &e) {
			key = e.Key
		}
		if key != tt.key {
			t.Errorf("%q %+v: got an error for %q, want one for %q", cfg.TLSListen, cfg.TLS, key, tt.key)
		}
	}
}

func TestTheTLSPortDiffersFromTheOthers(t *testing.T) {
	t.Parallel()
	for listen, key := range map[string]string{"127.0.0.1:0": "", "127.0.0.1:13000": "tls-listen", "127.0.0.1:13001": "admin", "192.0.2.1:13002": "tls-listen"} {
		cfg := DefaultConfig()
		cfg.Listen, cfg.Admin, cfg.TLSListen = "127.0.0.1:13000", "127.0.0.1:13001", listen
		e, got := (*ConfigError)(nil), ""
		if errors.As(cfg.CheckAddresses(), &e) {
			got = e.Key
		}
		if got != key {
			t.Errorf("tls-listen = %q: got an error for %q, want one for %q", listen, got, key)
		}
	}
}

func TestTablesOfCertificatesComeAfterTheLists(t *testing.T) {
	t.Parallel()
	one, oneKey := writePair(t, t.TempDir(), time.Now().Add(20*24*time.Hour))
	two, twoKey := writePair(t, t.TempDir(), time.Now().Add(40*24*time.Hour))
	cfg := DefaultConfig()
	cfg.TLSListen, cfg.TLS.Cert, cfg.TLS.Key = ":443", []string{one}, []string{oneKey}
	cfg.Pairs = []CertificateFiles{{two, twoKey}}
	store, err := cfg.openCertificates()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := store.Check(true, time.Now()); n != 2 || err != nil {
		t.Errorf("got %d certificates, %v; want 2", n, err)
	}
	pair, err := store.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil || time.Until(pair.Leaf.NotAfter) > 21*24*time.Hour {
		t.Errorf("got the certificate until %v for no name, %v; want that of cert", pair.Leaf.NotAfter, err)
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := DefaultConfig()
	if err := cfg.CheckCertificates(); err != nil {
		t.Errorf("without TLS: %v", err)
	}
	cert, key := writePair(t, dir, time.Now().Add(time.Hour))
	cfg.TLSListen, cfg.TLS.Cert, cfg.TLS.Key = "127.0.0.1:0", []string{cert}, []string{key}
	if err := cfg.CheckCertificates(); err != nil {
		t.Error(err)
	}
	writePair(t, dir, time.Now().Add(-time.Hour))
	if err := cfg.CheckCertificates(); err != nil {
		t.Errorf("expired: got %v, want no error", err)
	}
	cfg.Pairs = []CertificateFiles{{cert, key}, {cert, filepath.Join(dir, "no.key")}}
	e := (*ConfigError)(nil)
	if err := cfg.CheckCertificates(); !errors.As(err, &e) || e.Key != "tls.certificate.key" || e.Index != 1 || !strings.Contains(e.Text, "no.key") {
		t.Errorf("got %v, want an error about the key of the second table", err)
	}
}

// A server starts with an expired certificate, and reloads with it. A renewed one is used. A reload with another expired one is invalid, and so is
// one with a broken file.
func TestAnExpiredCertificateDoesNotEndTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := writePair(t, dir, time.Now().Add(-time.Hour))
	s := startReloadable(t, func(c *Config) { c.TLSListen, c.TLS.Cert, c.TLS.Key = "127.0.0.1:0", []string{cert}, []string{key} })
	left := func() float64 { return value(t, s.Server, "throng_tls_certificate_seconds_left", "") }
	if got := left(); got > -3_000 {
		t.Errorf("got %v s left, want about -3600", got)
	}
	dialTLS(t, s.Server, "lobby", tls13)
	s.mustChange(t, func(c *Config) { c.Rate = 77 })
	writePair(t, dir, time.Now().Add(time.Hour))
	eventually(t, "the renewed certificate", func() bool { return left() > 0 })
	for name, spoil := range map[string]func(){
		"has ended on": func() { writePair(t, dir, time.Now().Add(-time.Minute)) },
		"tls.cert":     func() { testkit.Replace(t, cert, []byte("hello")) },
	} {
		spoil()
		got := s.change(func(c *Config) { c.Rate++ })
		if got.Result != metrics.ReloadInvalid || !strings.Contains(strings.Join(got.Errors, " "), name) {
			t.Errorf("got %+v, want an error with %s", got, name)
		}
	}
	if got := left(); got < 0 {
		t.Errorf("got %v s left, want the renewed certificate in use", got)
	}
}
