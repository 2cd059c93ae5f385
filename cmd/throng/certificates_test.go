package main

import (
	"crypto/x509"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

// A certificate that cannot be used is an invalid setting at its place in the file, like all other errors: a restart would not fix it.
func TestAWrongCertificateIsAnInvalidSetting(t *testing.T) {
	t.Parallel()
	path := written(t, "rate = -1\nlisten = '127.0.0.1:0'\nadmin = 'off'\ntls-listen = '127.0.0.1:0'\n[tls]\ncert = 'no.crt'\n  key = 'no.key'\n"+
		"[[tls.certificate]]\ncert = 'other.crt'\nkey = 'other.key'\n")
	for _, args := range [][]string{{"serve", "--config", path}, {"serve", "--check", "--config", path}} {
		code, _, stderr := outcome(t, throng(t, args...))
		if code != exitUsage {
			t.Errorf("%v: got exit %d, want %d", args, code, exitUsage)
		}
		for _, want := range []string{path + ":1:1: rate = -1", path + ":6:1: tls.cert = ", "no.crt: no such file", path + ":9:1: tls.certificate: cert = ", "other.crt: no such file"} {
			if !strings.Contains(stderr, want) {
				t.Errorf("%v: got %q, want %q in it", args, stderr, want)
			}
		}
	}
}

// An expired certificate is a warning: the other ports work.
func TestAnExpiredCertificateIsAWarning(t *testing.T) {
	t.Parallel()
	cert, key := filepath.Join(t.TempDir(), "a.crt"), filepath.Join(t.TempDir(), "a.key")
	testkit.WriteCertificate(t, cert, key, &x509.Certificate{NotAfter: time.Now().AddDate(0, 0, -1), DNSNames: []string{"localhost"}}, nil)
	path := written(t, "tls-listen = '127.0.0.1:0'\n[tls]\ncert = '"+cert+"'\nkey = '"+key+"'\n")
	const want = "a TLS certificate has expired, and clients reject it: renew it"
	code, stdout, stderr := outcome(t, throng(t, "serve", "--check", "--admin", "off", "--config", path))
	if code != 0 || !strings.HasPrefix(stdout, "ok: ") || !strings.Contains(stderr, want) || !strings.Contains(stderr, cert) {
		t.Errorf("--check: got exit %d, %q and %q, want 0 and a warning", code, stdout, stderr)
	}
	l := startLogged(t, "--config", path)
	for {
		line := l.line(t)
		if line["msg"] == want {
			break
		}
	}
	l.answers(t)
	l.signal(t, syscall.SIGTERM)
	if code := l.exit(t); code != 0 {
		t.Errorf("got exit %d, want 0", code)
	}
}
