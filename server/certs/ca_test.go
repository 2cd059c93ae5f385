package certs

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/testkit"
)

func TestTheCAIsReplacedUnlessItsFileIsBad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := filesIn(dir, "first"), filesIn(dir, "second")
	write(t, first, nil, day(101), "first.example")
	write(t, second, nil, day(102), "second.example")
	file := filepath.Join(dir, "ca.pem")
	use := func(from string) {
		t.Helper()
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		testkit.Replace(t, file, text)
	}
	if _, err := OpenCA(file); err == nil {
		t.Fatal("a missing file is accepted")
	}
	use(first.Cert)
	ca, err := OpenCA(file)
	if err != nil {
		t.Fatal(err)
	}
	has := func(f Files) bool {
		t.Helper()
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AddCert(pair.Leaf)
		return ca.Pool().Equal(pool)
	}
	check := func(always, want bool) {
		t.Helper()
		if got, err := ca.Check(always); got != want || err != nil {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
	check(false, false)
	check(true, true)
	use(second.Cert)
	check(false, true)
	if !has(second) {
		t.Error("the new CA is not in use")
	}
	for _, text := range []string{"", "not a certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"} {
		testkit.Replace(t, file, []byte(text))
		if changed, err := ca.Check(false); changed || err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: got %v, %v; want an error with the file", text, changed, err)
		}
		if !has(second) {
			t.Errorf("%q: the CA before is not in use", text)
		}
		check(false, false) // one error for one change
	}
	use(first.Cert)
	check(false, true)
	if !has(first) {
		t.Error("the CA after a bad one is not in use")
	}
}
