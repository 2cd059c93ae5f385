package server

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// authority is a certificate authority: Pebble of Let's Encrypt.
type authority struct {
	directory string // URL
	ca        string // PEM file of the URL's certificate
	port      io.Writer
}

// buildPebble builds the program once for all tests. Its modules must be in the module cache, or the network.
var buildPebble = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "throng-pebble")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "pebble")
	if out, err := exec.Command("go", "build", "-C", filepath.Join("testdata", "pebble"), "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build pebble: %w\n%s", err, out)
	}
	return path, nil
})

// startAuthority starts an authority. It checks no domain before challengesOn is called.
func startAuthority(t *testing.T) *authority {
	t.Helper()
	plainOnly(t, "the certificate is one of the authority")
	path, err := buildPebble()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(path, dir)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	cmd.Stderr = logTo{t}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Logf("pebble: %v", err)
		}
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &authority{strings.TrimSpace(url), filepath.Join(dir, "ca.pem"), stdin}
}

// challengesOn makes the authority check domains at the port of an address.
func (au *authority) challengesOn(t *testing.T, addr net.Addr) {
	t.Helper()
	if _, err := fmt.Fprintln(au.port, addr.(*net.TCPAddr).Port); err != nil {
		t.Fatal(err)
	}
}

// configure sets the settings of ACME.
func (au *authority) configure(c *Config, cache string, domains ...string) {
	c.TLSListen = "127.0.0.1:0"
	c.TLS.ACMEDomains, c.TLS.ACMECache, c.TLS.ACMEEmail = domains, cache, "ops@chat.example"
	c.TLS.ACMEDirectory, c.TLS.ACMECA = au.directory, au.ca
}

// leafFor returns the certificate for a server name; nil if the handshake fails.
func leafFor(s *Server, name string) *x509.Certificate {
	cfg := tls13.Clone()
	cfg.ServerName = name
	conn, err := tls.Dial("tcp", s.TLSAddr().String(), cfg)
	if err != nil {
		return nil
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

func TestCertificatesComeFromACME(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"llib", "std"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			au := startAuthority(t)
			cache := t.TempDir()
			cert, key := writePair(t, t.TempDir(), farFuture())
			s := startServer(t, func(c *Config) {
				au.configure(c, cache, "chat.example", "www.chat.example")
				c.TLS.Engine, c.TLS.Cert, c.TLS.Key = engine, []string{cert}, []string{key}
			})
			// The order waits for the authority. Handshakes do not.
			own := leafFor(s, "localhost")
			if own == nil || leafFor(s, "") == nil || leafFor(s, "unknown.example") == nil {
				t.Fatal("a handshake for another name fails during the order")
			}
			if leafFor(s, "chat.example") != nil {
				t.Error("there is a certificate before the order is complete")
			}
			au.challengesOn(t, s.TLSAddr())
			for _, name := range []string{"chat.example", "www.chat.example"} {
				eventually(t, "the certificate of "+name, func() bool {
					leaf := leafFor(s, name)
					return leaf != nil && slices.Equal(leaf.DNSNames, []string{name}) && strings.HasPrefix(leaf.Issuer.CommonName, "Pebble")
				})
			}
			if got := leafFor(s, "other.example"); !got.Equal(own) {
				t.Errorf("unknown name: got the certificate of %v, want the first", got.DNSNames)
			}
			c := dialTLS(t, s, "x", tls13)
			c.send(ws.OpText, "hello")
			c.expect(ws.OpText, "hello")
			if got := value(t, s, "throng_tls_certificate_seconds_left", ""); got < 80*24*3600 || got > 90*24*3600 {
				t.Errorf("got %v s until the expiry, want those of the new certificate", got)
			}

			// A restart takes the certificate of the cache: this authority answers no request.
			first := leafFor(s, "chat.example")
			mute := startAuthority(t)
			again := startServer(t, func(c *Config) { mute.configure(c, cache, "chat.example") })
			eventually(t, "the certificate of the cache", func() bool {
				leaf := leafFor(again, "chat.example")
				return leaf != nil && leaf.Equal(first)
			})
		})
	}
}

func TestServersThatShareACacheAnswerForEachOther(t *testing.T) {
	t.Parallel()
	au := startAuthority(t)
	cache := t.TempDir()
	ordering := startServer(t, func(c *Config) { au.configure(c, cache, "chat.example") })
	other := startServer(t, func(c *Config) {
		silent := startAuthority(t) // other gets nothing by an order of its own
		silent.configure(c, cache, "chat.example")
	})
	au.challengesOn(t, other.TLSAddr())
	eventually(t, "the certificate", func() bool { return leafFor(ordering, "chat.example") != nil })
}

// startFailingAuthority starts a CA whose challenges reach no server: each of its orders fails.
func startFailingAuthority(t *testing.T) *authority {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	au := startAuthority(t)
	au.challengesOn(t, ln.Addr())
	ln.Close()
	return au
}

func TestAFailedOrderIsCounted(t *testing.T) {
	t.Parallel()
	au := startFailingAuthority(t)
	log := &testkit.LogBuffer{}
	s := startLogging(t, log, func(c *Config) { au.configure(c, t.TempDir(), "chat.example") }, func(*Server) {})
	eventually(t, "the failure", func() bool { return value(t, s, "throng_tls_acme_failures_total", "") == 1 })
	eventually(t, "the line of the log", func() bool { return log.Count("ACME certificate not issued") == 1 })
	if leafFor(s, "chat.example") != nil || leafFor(s, "") != nil {
		t.Error("there is a certificate")
	}
	if got := log.String(); !strings.Contains(got, "ACME certificate not issued") || !strings.Contains(got, "reason of the CA: ") || !strings.Contains(got, "port 443 of the domain") {
		t.Errorf("got the log %s", got)
	}
	if got := value(t, s, "throng_tls_certificate_seconds_left", ""); got != 0 {
		t.Errorf("got %v s until the expiry, want 0 without a certificate", got)
	}
}

func TestChallengesForOtherNamesAreRefused(t *testing.T) {
	t.Parallel()
	au := startAuthority(t)
	cache := t.TempDir()
	s := startServer(t, func(c *Config) { au.configure(c, cache, "chat.example") })
	cert, key := writePair(t, t.TempDir(), farFuture())
	other := startServer(t, func(c *Config) { c.TLSListen, c.TLS.Cert, c.TLS.Key = "127.0.0.1:0", []string{cert}, []string{key} })
	for i, s := range []*Server{s, s, s, other} {
		cfg := tls13.Clone()
		cfg.NextProtos = []string{"acme-tls/1"}
		cfg.ServerName = []string{"chat.example", "evil.example", "..%2f.example", "localhost"}[i]
		if conn, err := tls.Dial("tcp", s.TLSAddr().String(), cfg); err == nil {
			conn.Close()
			t.Errorf("%s: the handshake is complete without a challenge", cfg.ServerName)
		}
	}
}

func TestACMENeedsAWritableCache(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for cache, ca := range map[string]string{file: "", filepath.Join(file, "x"): "", t.TempDir(): file, filepath.Join(t.TempDir(), "new"): "no such file"} {
		cfg := DefaultConfig()
		acme(func(c *Config) { c.TLS.ACMECache, c.TLS.ACMECA = cache, ca })(&cfg)
		if err := cfg.CheckCertificates(); err == nil || !strings.Contains(err.Error(), "ACME") {
			t.Errorf("cache %s, roots %s: got %v, want an error of ACME", cache, strconv.Quote(ca), err)
		}
		if _, _, err := (&Server{cfg: cfg}).openACME(); err == nil {
			t.Errorf("cache %s, roots %q: got no error at the start", cache, ca)
		}
	}
}
