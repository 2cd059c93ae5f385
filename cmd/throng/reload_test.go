package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

// writeCertificate writes a self-signed certificate for localhost, which is valid for a day.
func writeCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	testkit.WriteCertificate(t, cert, key, &x509.Certificate{NotAfter: time.Now().AddDate(0, 0, 1), DNSNames: []string{"localhost"}}, nil)
	return cert, key
}

func TestSIGHUPReadsTheCertificatesAgain(t *testing.T) {
	t.Parallel()
	cert, key := writeCertificate(t)
	config := written(t, "tls-listen = '127.0.0.1:0'\n[tls]\ncert = '"+cert+"'\nkey = '"+key+"'\n")
	l := startLogged(t, "--config", config)
	next := func() string {
		for {
			if text := l.line(t)["msg"].(string); !strings.Contains(text, "expires soon") {
				return text
			}
		}
	}
	for range 2 { // the files are the same: only the signal makes a line
		l.signal(t, syscall.SIGHUP)
		if got := next(); got != "TLS certificates replaced" {
			t.Fatalf("got log line %q", got)
		}
	}
	if err := os.WriteFile(key, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	const refused = "TLS certificate not replaced: the one before stays in use"
	if got := next(); got != refused { // within a second, without a signal
		t.Fatalf("got log line %q", got)
	}
	l.signal(t, syscall.SIGHUP)
	if got := next(); got != refused {
		t.Fatalf("got log line %q", got)
	}
	l.answers(t)
	l.signal(t, syscall.SIGTERM)
	if code := l.exit(t); code != 0 {
		t.Errorf("got exit %d, want 0", code)
	}
}
