package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"testing"

	"golang.org/x/crypto/acme/autocert"
)

func TestChallengesAtTheSameTimeAreBounded(t *testing.T) {
	t.Parallel()
	a, err := OpenACME(ACMEConfig{Domains: []string{"chat.example"}, Cache: t.TempDir(), Directory: "https://127.0.0.1:1/dir"})
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowCache{make(chan struct{}, maxChallenges), make(chan struct{})}
	a.manager.Cache = slow
	hello := &tls.ClientHelloInfo{ServerName: "chat.example", SupportedProtos: []string{"acme-tls/1"}}
	done := make(chan error, maxChallenges)
	for range maxChallenges {
		go func() {
			_, err := a.Challenge(hello)
			done <- err
		}()
	}
	for range maxChallenges {
		<-slow.asked
	}
	if _, err := a.Challenge(hello); !errors.Is(err, errBusy) {
		t.Errorf("one more: got %v, want %v", err, errBusy)
	}
	close(slow.proceed)
	for range maxChallenges {
		if err := <-done; err == nil || errors.Is(err, errBusy) {
			t.Errorf("got %v, want an error of autocert", err)
		}
	}
	if _, err := a.Challenge(hello); err == nil || errors.Is(err, errBusy) {
		t.Errorf("afterwards: got %v, want an error of autocert", err)
	}
}

func TestAChallengeForAnotherNameReadsNothing(t *testing.T) {
	t.Parallel()
	a, err := OpenACME(ACMEConfig{Domains: []string{"chat.example"}, Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowCache{make(chan struct{}, 9), make(chan struct{})}
	close(slow.proceed)
	a.manager.Cache = slow
	for _, name := range []string{"", "evil.example", "a.chat.example", "../x.example"} {
		if _, err := a.Challenge(&tls.ClientHelloInfo{ServerName: name, SupportedProtos: []string{"acme-tls/1"}}); err == nil {
			t.Errorf("%q: got no error", name)
		}
	}
	if n := len(slow.asked); n != 0 {
		t.Errorf("the cache was read %d times", n)
	}
}

// slowCache has nothing, and says so when proceed is closed.
type slowCache struct{ asked, proceed chan struct{} }

func (sc *slowCache) Get(context.Context, string) ([]byte, error) {
	sc.asked <- struct{}{}
	<-sc.proceed
	return nil, autocert.ErrCacheMiss
}
func (*slowCache) Put(context.Context, string, []byte) error { return nil }
func (*slowCache) Delete(context.Context, string) error      { return nil }

func TestACacheThatCannotBeWrittenIsReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var failed []error
	a, err := OpenACME(ACMEConfig{Domains: []string{"chat.example"}, Cache: dir, CacheFailed: func(err error) { failed = append(failed, err) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.manager.Cache.Put(t.Context(), "a", []byte("x")); err != nil || failed != nil {
		t.Fatalf("got %v, %v", err, failed)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.manager.Cache.Put(t.Context(), "b", []byte("x")); err == nil || len(failed) != 1 {
		t.Errorf("got %v, reported %v; want both", err, failed)
	}
}

func TestCertificatesOfACMEComeAfterThoseOfFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, first, second := filesIn(dir, "file"), filesIn(dir, "first"), filesIn(dir, "second")
	write(t, file, nil, day(101), "file.example", "both.example")
	write(t, first, nil, day(5), "first.example")
	write(t, second, nil, day(103), "second.example", "both.example")
	pair := func(f Files) *tls.Certificate {
		p, err := read(f)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	domains := []string{"first.example", "second.example", "both.example"}
	s, err := Open([]Files{file}, domains)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetCertificate(&tls.ClientHelloInfo{ServerName: "FIRST.example."}); err == nil {
		t.Error("before the order is complete: got a certificate for another name")
	}
	s.SetACME("second.example", pair(second))
	s.SetACME("first.example", pair(first))
	s.SetACME("evil.example", pair(second))
	for name, want := range map[string]int{"": 101, "unknown.example": 101, "both.example": 101, "First.example.": 5, "second.example": 103} {
		if got := endFor(t, s, name); !got.Equal(day(want)) {
			t.Errorf("server name %q: got the certificate that ends at %v: want %v", name, got, day(want))
		}
	}
	if got := s.NotAfter(); !got.Equal(day(5)) {
		t.Errorf("got %v as the first expiry, want day 5", got)
	}
	if got := s.Expiring(start); len(got) != 1 || got[0].Cert != "first.example" {
		t.Errorf("got %v as expiring, want first.example", got)
	}
	if n, err := s.Check(true, start); n != 1 || err != nil {
		t.Errorf("got %d pairs of files, %v; want 1", n, err)
	}
	if got := endFor(t, s, "second.example"); !got.Equal(day(103)) {
		t.Error("the certificates of ACME are gone after a check of the files")
	}

	s, err = Open(nil, domains)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetCertificate(&tls.ClientHelloInfo{}); err == nil || !s.NotAfter().IsZero() {
		t.Errorf("without a certificate: got %v, %v; want an error and no expiry", err, s.NotAfter())
	}
	s.SetACME("first.example", pair(first))
	if got := endFor(t, s, ""); !got.Equal(day(5)) {
		t.Errorf("the only certificate is not that of clients without a name: got %v", got)
	}
}
