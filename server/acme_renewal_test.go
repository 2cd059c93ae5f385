package server

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

// storeCertificate puts a certificate into a cache directory, as an order 90 days before its end would have.
func storeCertificate(t *testing.T, cache, domain string, left time.Duration) {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	end := time.Now().Add(left)
	testkit.WriteCertificate(t, cert, key, &x509.Certificate{NotBefore: end.AddDate(0, 0, -90), NotAfter: end, DNSNames: []string{domain}}, nil)
	var pair []byte
	for _, file := range []string{key, cert} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pair = append(pair, b...)
	}
	if err := os.WriteFile(filepath.Join(cache, domain), pair, 0o600); err != nil {
		t.Fatal(err)
	}
}

const day = 24 * time.Hour

// A certificate that has a third of its lifetime left is renewed while it is in use. The new one is in use without a restart, and connections
// stay open.
func TestACertificateOfACMEIsRenewedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	au := startAuthority(t)
	cache := t.TempDir()
	storeCertificate(t, cache, "old.example", 29*day)
	storeCertificate(t, cache, "young.example", 31*day)
	s := startServer(t, func(c *Config) { au.configure(c, cache, "old.example", "young.example") })
	before := map[string]*x509.Certificate{}
	for _, domain := range []string{"old.example", "young.example"} {
		eventually(t, "the certificate of "+domain, func() bool {
			before[domain] = leafFor(s, domain)
			return before[domain] != nil
		})
	}
	if strings.HasPrefix(before["old.example"].Issuer.CommonName, "Pebble") {
		t.Fatal("got a new certificate, want that of the cache")
	}
	config := tls13.Clone()
	config.ServerName = "old.example"
	open := dialTLS(t, s, "x", config)
	au.challengesOn(t, s.TLSAddr())
	eventually(t, "the renewal", func() bool {
		leaf := leafFor(s, "old.example")
		if leaf == nil {
			t.Fatal("a handshake fails during the renewal")
		}
		return strings.HasPrefix(leaf.Issuer.CommonName, "Pebble") && slices.Equal(leaf.DNSNames, []string{"old.example"})
	})
	if got := leafFor(s, "young.example"); !got.Equal(before["young.example"]) {
		t.Error("a certificate with more than a third of its lifetime is renewed")
	}
	open.send(1, "still here")
	open.expect(1, "still here")
	if got := value(t, s, "throng_tls_certificate_seconds_left", ""); got < 30*24*3600 {
		t.Errorf("got %v s until the first expiry, want that of young.example", got)
	}
}

// A renewal that fails is reported with the reason of the CA, and the certificate stays in use.
func TestARenewalThatFailsIsReported(t *testing.T) {
	t.Parallel()
	au := startFailingAuthority(t)
	cache := t.TempDir()
	storeCertificate(t, cache, "chat.example", 29*day)
	log := &testkit.LogBuffer{}
	s := startLogging(t, log, func(c *Config) { au.configure(c, cache, "chat.example") }, func(*Server) {})
	eventually(t, "the failure", func() bool { return value(t, s, "throng_tls_acme_failures_total", "") == 1 })
	eventually(t, "the line of the log", func() bool { return log.Count("ACME certificate not issued") == 1 })
	if got := log.String(); !strings.Contains(got, "in_use=true") || !strings.Contains(got, "domain=chat.example") ||
		!strings.Contains(got, "reason of the CA: ") || !strings.Contains(got, "port 443 of the domain") {
		t.Errorf("got the log %s", got)
	}
	if leafFor(s, "chat.example") == nil {
		t.Error("the certificate is not in use")
	}
}
