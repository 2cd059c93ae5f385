package certs

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

var rsaKey = sync.OnceValue(func() crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// write makes a pair for names that ends then, in the files of f. A nil key is a new ECDSA key.
func write(t *testing.T, f Files, key crypto.Signer, end time.Time, names ...string) {
	t.Helper()
	testkit.WriteCertificate(t, f.Cert, f.Key, &x509.Certificate{NotBefore: start, NotAfter: end, DNSNames: names}, key)
}

func filesIn(dir, name string) Files {
	return Files{filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")}
}

func open(t *testing.T, files ...Files) *Store {
	t.Helper()
	s, err := Open(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// endFor is the end of the certificate that a client with that server name gets.
func endFor(t *testing.T, s *Store, name string) time.Time {
	t.Helper()
	pair, err := s.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.NotAfter
}

func day(n int) time.Time { return start.AddDate(0, 0, n) }

func TestThePairOfTheServerNameIsChosen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two, three := filesIn(dir, "one"), filesIn(dir, "two"), filesIn(dir, "three")
	write(t, one, nil, day(101), "first.example")
	write(t, two, nil, day(102), "Chat.example", "*.chat.example")
	write(t, three, nil, day(103), "special.chat.example")
	s := open(t, one, two, three)
	for name, want := range map[string]int{
		"": 101, "first.example": 101, "unknown.example": 101, "localhost": 101, "*.chat.example": 102,
		"chat.example": 102, "CHAT.example": 102, "chat.example.": 102, "a.chat.example": 102,
		"a.b.chat.example": 101, ".chat.example": 102, "special.chat.example": 103, "evilchat.example": 101,
	} {
		if got := endFor(t, s, name); !got.Equal(day(want)) {
			t.Errorf("server name %q: got the certificate that ends at %v: want %v", name, got, day(want))
		}
	}
}

func TestOfSeveralPairsTheOneThatTheClientSupports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := filesIn(dir, "one"), filesIn(dir, "two")
	write(t, one, nil, day(101), "chat.example")
	write(t, two, rsaKey(), day(102), "chat.example")
	s := open(t, one, two)
	hello := &tls.ClientHelloInfo{
		ServerName: "chat.example", SupportedVersions: []uint16{tls.VersionTLS13}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256},
		SupportedCurves: []tls.CurveID{tls.CurveP256}, SignatureSchemes: []tls.SignatureScheme{tls.PSSWithSHA256},
	}
	if pair, err := s.GetCertificate(hello); err != nil || !pair.Leaf.NotAfter.Equal(day(102)) {
		t.Errorf("a client with RSA only: got %v, %v", pair.Leaf.NotAfter, err)
	}
	hello.SignatureSchemes = append(hello.SignatureSchemes, tls.ECDSAWithP256AndSHA256)
	if pair, err := s.GetCertificate(hello); err != nil || !pair.Leaf.NotAfter.Equal(day(101)) {
		t.Errorf("a client with both: got %v, %v", pair.Leaf.NotAfter, err)
	}
}

func TestChangedFilesAreTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := filesIn(dir, "one"), filesIn(dir, "two")
	write(t, one, nil, day(101), "one.example")
	write(t, two, nil, day(102), "two.example")
	s := open(t, one, two)
	if n, err := s.Check(false, start); n != 0 || err != nil {
		t.Errorf("nothing has changed: got %d, %v", n, err)
	}
	write(t, two, nil, day(202), "two.example", "more.example")
	if n, err := s.Check(false, start); n != 1 || err != nil {
		t.Errorf("one pair has changed: got %d, %v", n, err)
	}
	if got := endFor(t, s, "more.example"); !got.Equal(day(202)) {
		t.Errorf("the new pair is not in use: got %v", got)
	}
	if n, err := s.Check(false, start); n != 0 || err != nil {
		t.Errorf("nothing has changed since: got %d, %v", n, err)
	}
	if n, err := s.Check(true, start); n != 2 || err != nil {
		t.Errorf("on demand: got %d, %v", n, err)
	}
}

func TestABadPairIsRefusedAndTheOldOneStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(t *testing.T, f Files)
		want  string // in the error

		expired, key bool // it has expired; the key is wrong
	}{
		"certificate of another key": {func(t *testing.T, f Files) {
			other := filesIn(t.TempDir(), "other")
			write(t, other, nil, day(300), "chat.example")
			b, err := os.ReadFile(other.Cert)
			if err != nil {
				t.Fatal(err)
			}
			testkit.Replace(t, f.Cert, b)
		}, "private key does not match", false, false},
		"certificate that has ended": {func(t *testing.T, f Files) { write(t, f, nil, start.Add(-time.Second), "chat.example") }, "has ended on 2026-10-31", true, false},
		"no certificate":             {func(t *testing.T, f Files) { testkit.Replace(t, f.Cert, []byte("hello")) }, "failed to find any PEM data", false, false},
		"half a certificate":         {func(t *testing.T, f Files) { testkit.Replace(t, f.Cert, []byte("-----BEGIN CERTIFICATE-----\nMIIB")) }, "failed to find any PEM data", false, false},
		"an empty key":               {func(t *testing.T, f Files) { testkit.Replace(t, f.Key, nil) }, "failed to find any PEM data", false, false},
		"an encrypted key": {func(t *testing.T, f Files) {
			testkit.Replace(t, f.Key, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"))
		}, "decrypt it with openssl pkey", false, true},
		"no file": {func(t *testing.T, f Files) {
			if err := os.Remove(f.Key); err != nil {
				t.Fatal(err)
			}
		}, "no such file", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			f, good := filesIn(dir, "one"), filesIn(dir, "two")
			write(t, f, nil, day(101), "chat.example")
			write(t, good, nil, day(102), "other.example")
			s := open(t, f, good)
			write(t, good, nil, day(202), "other.example")
			c.spoil(t, f)
			n, err := s.Check(false, start)
			if n != 1 || err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), f.Cert) {
				t.Errorf("got %d, %v: want 1, and the file and %q", n, err, c.want)
			}
			if got := endFor(t, s, "chat.example"); !got.Equal(day(101)) {
				t.Errorf("the old pair is not in use: got %v", got)
			}
			if got := endFor(t, s, "other.example"); !got.Equal(day(202)) {
				t.Errorf("the good pair is not in use: got %v", got)
			}
			if n, err := s.Check(false, start); n != 0 || err != nil {
				t.Errorf("the same bad pair again: got %d, %v: want one error for one change", n, err)
			}
			bad := (*PairError)(nil)
			switch _, err := Open([]Files{good, f}, nil); {
			case c.expired && err != nil:
				t.Errorf("a start with it: %v, want no error", err)
			case !c.expired && (!errors.As(err, &bad) || bad.Pair != 1 || bad.Key != c.key):
				t.Errorf("a start with it: got %+v, want the second pair, and its key: %v", err, c.key)
			}
			write(t, f, nil, day(301), "chat.example")
			if n, err := s.Check(false, start); n != 1 || err != nil || !endFor(t, s, "chat.example").Equal(day(301)) {
				t.Errorf("a good one at last: got %d, %v", n, err)
			}
		})
	}
}

func TestTheEndOfACertificateIsKnown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := filesIn(dir, "one"), filesIn(dir, "two")
	write(t, one, nil, day(101), "one.example")
	write(t, two, nil, day(30), "two.example")
	s := open(t, one, two)
	if got := s.NotAfter(); !got.Equal(day(30)) {
		t.Errorf("got %v: want %v", got, day(30))
	}
	for at, want := range map[int]int{0: 0, 16: 0, 17: 1, 31: 1, 100: 2} {
		if got := s.Expiring(day(at)); len(got) != want {
			t.Errorf("day %d: got %v: want %d", at, got, want)
		}
	}
	if got := s.Expiring(day(17)); got[0].Cert != two.Cert || !got[0].NotAfter.Equal(day(30)) {
		t.Errorf("got %v", got)
	}
}

// A certificate that has expired in use may be replaced by another one that has, and its files may be read again.
func TestAnExpiredPairStaysInUse(t *testing.T) {
	t.Parallel()
	f := filesIn(t.TempDir(), "one")
	write(t, f, nil, day(-2), "chat.example")
	s := open(t, f)
	if err := s.CanReplace(start); err != nil {
		t.Error(err)
	}
	if n, err := s.Check(true, start); n != 1 || err != nil || !endFor(t, s, "chat.example").Equal(day(-2)) {
		t.Errorf("the same files: got %d, %v", n, err)
	}
	write(t, f, nil, day(30), "chat.example")
	if n, err := s.Check(false, start); n != 1 || err != nil {
		t.Errorf("a renewed one: got %d, %v", n, err)
	}
	write(t, f, nil, day(-1), "chat.example")
	if err := s.CanReplace(start); err == nil || !strings.Contains(err.Error(), "has ended on") {
		t.Errorf("an expired one instead of a valid one: got %v", err)
	}
}

// A swap under way hurts no client.
func TestCertificatesMayBeSwappedWhileClientsCome(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := filesIn(dir, "one")
	write(t, f, nil, day(101), "one.example")
	s := open(t, f)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if pair, err := s.GetCertificate(&tls.ClientHelloInfo{ServerName: "one.example"}); err != nil || pair.PrivateKey == nil || s.NotAfter().IsZero() {
					t.Errorf("got %v, %v", pair, err)
					return
				}
			}
		})
	}
	for i := range 20 {
		write(t, f, nil, day(102+i), "one.example")
		if n, err := s.Check(false, start); n != 1 || err != nil {
			t.Errorf("swap %d: %d, %v", i, n, err)
		}
	}
	close(stop)
	clients.Wait()
}
