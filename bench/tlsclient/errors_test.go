package tlsclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func writeFiles(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Each fault of a certificate or of the settings has a text of its own, which names the flag that helps.
func TestFaultsSayWhatToDo(t *testing.T) {
	t.Parallel()
	key := newKey()
	signed := func(change func(*x509.Certificate)) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{*trusted().sign(publicKey{&key.PublicKey}, key, change)}}
	}
	mutual := signed(nil)
	mutual.ClientCAs, mutual.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	mutual12 := mutual.Clone()
	mutual12.MaxVersion = tls.VersionTLS12
	onlyCBC := signed(nil)
	onlyCBC.MaxVersion, onlyCBC.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	otherALPN := signed(nil)
	otherALPN.NextProtos = []string{"other"}
	old := signed(nil)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	withCert := settings()
	withCert.Cert, withCert.Key = pemOf(certificates()["ECDSA"])
	for _, tt := range []struct {
		name     string
		server   *tls.Config
		settings Settings
		want     []string
	}{
		{"unknown issuer", signed(nil), Settings{CA: otherAuthority(t)}, []string{"not trusted", "authority of the test", "--ca FILE", "--insecure"}},
		{"another name", signed(func(c *x509.Certificate) { c.DNSNames = []string{"a.example", "b.example"} }), settings(), []string{"a.example, b.example", "not for chat.example", "--server-name"}},
		{"no name", signed(func(c *x509.Certificate) { c.DNSNames = nil }), settings(), []string{"for no name"}},
		{"expired", signed(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), settings(), []string{"expired at 20", "renew"}},
		{"not yet valid", signed(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }), settings(), []string{"not valid before 20", "clock"}},
		{"another use", signed(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }), settings(), []string{"is not valid: "}},
		{"client certificate required", mutual, settings(), []string{"--cert FILE and --key FILE"}},
		{"client certificate required, TLS 1.2", mutual12, settings(), []string{"requires a client certificate (--cert)"}},
		{"client certificate of an unknown authority", mutual, withCert, []string{"rejected the client certificate", "unknown certificate authority"}},
		{"no suite", onlyCBC, settings(), []string{"in common", "handshake failure", "AES-GCM"}},
		{"old versions", old, settings(), []string{"in common", "protocol version"}},
		{"another protocol", otherALPN, settings(), []string{"ALPN"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			nc, s, _, err := dial(t, serve(t, tt.server, func(*tls.Conn, error) {}), tt.settings)
			if err == nil { // in TLS 1.3, the server rejects a certificate after the handshake of the client
				_, err = read(s, nc, 1, 1)
			}
			text := faultOf(err)
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("got %q (%v), want %q in it", text, err, want)
				}
			}
		})
	}
}

// otherAuthority returns the file of an authority that has signed none of the certificates.
func otherAuthority(t *testing.T) []byte {
	t.Helper()
	key := newKey()
	cert := trusted().sign(publicKey{&key.PublicKey}, key, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	file, _ := pemOf(cert)
	return file
}

func TestASettingReplacesTheNameOfTheURL(t *testing.T) {
	t.Parallel()
	names := make(chan string, 1)
	key := newKey()
	cert := trusted().sign(publicKey{&key.PublicKey}, key, func(c *x509.Certificate) { c.DNSNames = []string{"a.example"} })
	s := settings()
	s.ServerName = "a.example"
	address := serve(t, &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		names <- hello.ServerName
		return cert, nil
	}}, echo)
	if _, _, _, err := dial(t, address, s); err != nil {
		t.Fatal(err)
	}
	if got := <-names; got != "a.example" {
		t.Errorf("got the name %q", got)
	}
}

func TestInsecureAcceptsAnyCertificate(t *testing.T) {
	t.Parallel()
	key := newKey()
	cert := trusted().sign(publicKey{&key.PublicKey}, key, func(c *x509.Certificate) { c.DNSNames, c.NotAfter = nil, time.Now().Add(-time.Minute) })
	address := serve(t, &tls.Config{Certificates: []tls.Certificate{*cert}}, echo)
	if _, _, _, err := dial(t, address, Settings{Insecure: true}); err != nil {
		t.Error(err)
	}
}

func TestAClientCertificateIsSent(t *testing.T) {
	t.Parallel()
	pool := x509.NewCertPool()
	pool.AddCert(trusted().cert)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := &tls.Config{Certificates: []tls.Certificate{*certificates()["ECDSA"]}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: version}
		s := settings()
		s.Cert, s.Key = pemOf(certificates()["RSA"])
		nc, session, _, err := dial(t, serve(t, cfg, echo), s)
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Write(nc, []byte("hello"), 1); err != nil {
			t.Fatal(err)
		}
		if got, err := read(session, nc, 5, 1); string(got) != "hello" {
			t.Errorf("%s: got %q, %v", tls.VersionName(version), got, err)
		}
	}
}

func TestAServerWithoutTLS(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		defer server.Close()
		server.Read(make([]byte, 16<<10))
		io.WriteString(server, "HTTP/1.1 400 Bad Request\r\n\r\n")
	}()
	c, err := New(settings(), "chat.example")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, _, err = c.Handshake(ctx, client); !strings.Contains(faultOf(err), "use ws://") {
		t.Errorf("got %v", err)
	}
}

func TestASilentServerTimesOut(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c, err := New(settings(), "chat.example")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := c.Handshake(ctx, nc); !errors.Is(err, context.DeadlineExceeded) || faultOf(err) != "" {
		t.Errorf("got %v, want a timeout", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	cert, key := pemOf(certificates()["ECDSA"])
	_, otherKey := pemOf(certificates()["RSA"])
	for want, s := range map[string]Settings{
		"ca: has no certificate": {CA: []byte("not PEM")},
		"key: missing":           {Cert: cert},
		"cert: missing":          {Key: key},
		"cert and key: ":         {Cert: cert, Key: otherKey},
	} {
		if _, err := New(s, "chat.example"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if !s.Set() {
			t.Errorf("%+v: is not set", s)
		}
	}
	if s := (Settings{}); s.Set() {
		t.Error("the zero value is set")
	}
}
