package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clientCA makes a CA, writes its certificate to a file, and returns a certificate for a client that it has signed.
func clientCA(t *testing.T, file string, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	client := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	signed, err := x509.CreateCertificate(rand.Reader, client, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: key}
}

// adminStatus returns the status of a request to the admin port, 0 if the handshake fails.
func adminStatus(t *testing.T, s *Server, path string, certificates ...tls.Certificate) int {
	t.Helper()
	cfg := tls13.Clone()
	cfg.Certificates = certificates
	transport := &http.Transport{TLSClientConfig: cfg}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest("POST", "https://"+s.AdminAddr().String()+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(path, "/api") {
		req.Method = "GET"
	}
	req.Header.Set("X-API-Key", s.cfg.API.Key)
	resp, err := (&http.Client{Transport: transport, Timeout: testTimeout}).Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	return resp.StatusCode
}

func TestTheAdminPortSpeaksTLS(t *testing.T) {
	plainOnly(t, "it has a server without a TLS port")
	t.Parallel()
	configure := withTLS(t)
	s := startServer(t, func(c *Config) {
		configure(c)
		c.TLSListen, c.TLS.Admin = "off", true // TLS on the admin port alone
	})
	if got := s.TLSAddr(); got != nil {
		t.Errorf("got a TLS port at %v, want none", got)
	}
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusOK, "/metrics": http.StatusOK} {
		eventually(t, path, func() bool { return adminStatus(t, s, path) == want })
	}
	resp, err := http.Get("http://" + s.AdminAddr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP: got %d, want 400", resp.StatusCode)
	}
	if !s.ReloadCertificates() {
		t.Error("the certificates of the admin port are not read again")
	}
}

func TestTheAdminPortRequiresClientCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "ca.pem")
	known := clientCA(t, file, x509.ExtKeyUsageClientAuth)
	foreign := clientCA(t, filepath.Join(dir, "foreign.pem"), x509.ExtKeyUsageClientAuth)
	configure := withTLS(t)
	s := startServer(t, func(c *Config) {
		configure(c)
		c.TLS.Admin, c.TLS.AdminClientCA = true, file
		c.API.Key, c.API.On = "0123456789abcdef", "admin"
		c.Admin = "0.0.0.0:0" // its certificates make it trusted
	})
	eventually(t, "the admin port", func() bool { return adminStatus(t, s, "/readyz", known) == http.StatusOK })
	paths := []string{"/healthz", "/metrics", "/connections", "/api/info", "/debug/pprof/", "/", "/live?once"}
	for _, path := range paths {
		if got := adminStatus(t, s, path, known); got != http.StatusOK {
			t.Errorf("%s with a certificate: got %d, want 200", path, got)
		}
		if got := adminStatus(t, s, path); got != 0 {
			t.Errorf("%s without a certificate: got %d, want no handshake", path, got)
		}
		if got := adminStatus(t, s, path, foreign); got != 0 {
			t.Errorf("%s with the certificate of another CA: got %d, want no handshake", path, got)
		}
	}
	if getStatus(t, s, "localhost") != http.StatusOK {
		t.Error("the public TLS port needs a certificate")
	}

	next := clientCA(t, file, x509.ExtKeyUsageClientAuth)
	eventually(t, "the new CA", func() bool { return adminStatus(t, s, "/healthz", next) == http.StatusOK })
	if got := adminStatus(t, s, "/healthz", known); got != 0 {
		t.Errorf("with the certificate of the CA before: got %d, want no handshake", got)
	}
	server := clientCA(t, file, x509.ExtKeyUsageServerAuth)
	eventually(t, "the last CA", func() bool { return adminStatus(t, s, "/healthz", next) == 0 })
	if got := adminStatus(t, s, "/healthz", server); got != 0 {
		t.Errorf("with a certificate for servers: got %d, want no handshake", got)
	}
}

func TestTheClientCAIsChecked(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	withTLS(t)(&cfg)
	cfg.TLS.Admin, cfg.TLS.AdminClientCA = true, filepath.Join(t.TempDir(), "none.pem")
	if err := cfg.CheckCertificates(); err == nil || !strings.Contains(err.Error(), "client CA") {
		t.Errorf("got %v, want an error of the client CA", err)
	}
	cfg.TLSListen = "off"
	if err := cfg.CheckCertificates(); err == nil {
		t.Error("without a TLS port, nothing is checked")
	}
}
