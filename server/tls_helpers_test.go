package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/tlsrec"
)

// writePair makes a certificate that expires then, and replaces the files.
func writePair(t testing.TB, dir string, expiry time.Time) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	testkit.WriteCertificate(t, cert, key, &x509.Certificate{NotAfter: expiry, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, nil)
	return cert, key
}

// withTLS configures a TLS port.
func withTLS(t testing.TB) func(*Config) {
	t.Helper()
	cert, key := writePair(t, t.TempDir(), time.Now().Add(30*24*time.Hour))
	return func(c *Config) { c.TLSListen, c.TLS.Cert, c.TLS.Key = "127.0.0.1:0", []string{cert}, []string{key} }
}

// startTLS is startServer with a TLS port.
func startTLS(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	configure := withTLS(t)
	return startServer(t, func(c *Config) {
		configure(c)
		if change != nil {
			change(c)
		}
	})
}

var (
	tls13 = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"}}
	tls12 = &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
)

// dialTLS is dial to the TLS port.
func dialTLS(t testing.TB, s *Server, room string, cfg *tls.Config) *client {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: testTimeout}, "tcp", s.TLSAddr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn}
	t.Cleanup(func() { conn.NetConn().Close() })
	c.write([]byte(upgradeRequest(s.TLSAddr().String(), "/ws?room="+url.QueryEscape(room))))
	c.expectUpgrade()
	return c
}

func httpsClient(t testing.TB) *http.Client {
	transport := &http.Transport{TLSClientConfig: tls13.Clone()}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: testTimeout}
}

// bytewise writes in parts of a few bytes.
type bytewise struct{ net.Conn }

func (c *bytewise) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		part := b[:min(len(b), 1+len(b)/7)]
		if _, err = c.Conn.Write(part); err == nil {
			n += len(part)
			b = b[len(part):]
		}
	}
	return n, err
}

// helloOnly gives a client no bytes to read.
type helloOnly struct{ net.Conn }

func (helloOnly) Read([]byte) (int, error) { return 0, io.EOF }

// rawTLS makes a handshake by crypto/tls, and returns the record layer of the client in its place.
func rawTLS(t *testing.T, s *Server, early string) (net.Conn, *tlsrec.Conn) {
	t.Helper()
	nc, err := net.Dial("tcp", s.TLSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cfg := tls13.Clone()
	cfg.KeyLogWriter = &log
	c := tls.Client(&oneByOne{nc}, cfg)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	k := &tlsrec.Keys{Version: tls.VersionTLS13, Suite: c.ConnectionState().CipherSuite}
	for line := range strings.Lines(log.String()) {
		var label string
		var random, secret []byte
		if _, err := fmt.Sscanf(line, "%s %x %x", &label, &random, &secret); err != nil {
			t.Fatal(err)
		}
		switch label {
		case "CLIENT_TRAFFIC_SECRET_0":
			k.ClientSecret = secret
		case "SERVER_TRAFFIC_SECRET_0":
			k.ServerSecret = secret
		}
	}
	conn, err := tlsrec.New(k, true)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := conn.Out.Seal(nil, []byte(early))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write(sealed); err != nil {
		t.Fatal(err)
	}
	return nc, conn
}

// oneByOne lets crypto/tls read not more than it needs.
type oneByOne struct{ net.Conn }

func (c *oneByOne) Read(b []byte) (int, error) { return c.Conn.Read(b[:1]) }

// await opens records of the server until text has come.
func await(t *testing.T, nc net.Conn, in *tlsrec.In, text string) {
	t.Helper()
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, []byte(text)) {
		n, err := nc.Read(buf)
		if err != nil {
			t.Fatalf("%q does not come: %v", text, err)
		}
		for src := buf[:n]; ; {
			r, rest, err := in.Open(src)
			if err != nil {
				t.Fatal(err)
			}
			src = rest
			if got = append(got, r.Data...); r.Kind == tlsrec.More {
				break
			}
		}
	}
}

// farFuture is later than the end of any certificate of an authority.
func farFuture() time.Time { return time.Now().AddDate(1, 0, 0) }
