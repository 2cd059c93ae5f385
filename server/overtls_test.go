package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// overTLS is the engine of TLS with which the tests of this package run over TLS instead of plain TCP:
//
//	THRONG_TEST_TLS=llib go test -count=1 ./server
//
// Without -count=1, go test takes a cached result of another run: it does not know that the tests depend on the variable.
// Every server then has a TLS port besides, and dialPublic connects to it. Half of the connections use TLS 1.2. Tests whose subject is TCP itself
// call plainOnly. Tests whose servers have TLS of their own are skipped.
var overTLS = os.Getenv("THRONG_TEST_TLS")

// plainOnly skips a test that does not run over TLS.
func plainOnly(t testing.TB, why string) {
	t.Helper()
	if overTLS != "" {
		t.Skip("not over TLS: " + why)
	}
}

// tlsPorts has the TLS port of each server by its plain port, both as host:port.
var tlsPorts sync.Map

// prepareTLS configures the TLS port of a server, where the tests run over TLS. It skips a test that configures one itself: another run of the same
// test proves nothing more.
func prepareTLS(t testing.TB, cfg *Config) {
	t.Helper()
	if overTLS == "" {
		return
	}
	if cfg.TLSListen != "off" {
		plainOnly(t, "the test has a TLS port of its own")
	}
	withTLS(t)(cfg)
	cfg.TLS.Engine = overTLS
}

// dialPublic connects to a port of a server: to its TLS port if the tests run over TLS and address is its plain port.
func dialPublic(d *net.Dialer, address string) (net.Conn, error) {
	return dialContext(context.Background(), d, address)
}

func dialContext(ctx context.Context, d *net.Dialer, address string) (net.Conn, error) {
	port, ok := tlsPorts.Load(address)
	if !ok {
		return d.DialContext(ctx, "tcp", address)
	}
	nc, err := d.DialContext(ctx, "tcp", port.(string))
	if err != nil {
		return nil, err
	}
	c := &tlsClient{Conn: tls.Client(nc, nextTLSConfig())}
	if err := errors.Join(nc.SetDeadline(time.Now().Add(testTimeout)), c.HandshakeContext(ctx), nc.SetDeadline(time.Time{})); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return c, nil
}

// nextTLSConfig alternates between the versions.
func nextTLSConfig() *tls.Config {
	dials.Lock()
	defer dials.Unlock()
	dials.n++
	return []*tls.Config{tls13, tls12}[dials.n%2]
}

var dials struct {
	sync.Mutex
	n int
}

// tlsClient ends TCP in Close, as a plain connection does: crypto/tls would wait up to 5 s until it has sent close_notify.
type tlsClient struct{ *tls.Conn }

func (c *tlsClient) Close() error { return c.NetConn().Close() }

// tcpOf is the TCP connection below a connection of dialPublic or dialTLS.
func tcpOf(c net.Conn) *net.TCPConn {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = over.NetConn()
	}
	return c.(*net.TCPConn)
}

// publicHTTP is an HTTP client whose requests to the plain port of a server take its TLS port if the tests run over TLS.
var publicHTTP = &http.Client{Transport: &http.Transport{
	DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return dialContext(ctx, &net.Dialer{}, address)
	},
}, Timeout: testTimeout}

// A name that is wrong would pass as plain TCP.
func TestTheEngineOfTheSuiteExists(t *testing.T) {
	if overTLS != "" && !strings.Contains(" llib std ", " "+overTLS+" ") {
		t.Fatalf("THRONG_TEST_TLS=%s: want llib or std", overTLS)
	}
}

// The kernel may give the plain port of a stopped server to the admin port of another one, which has no TLS.
func TestTheTLSPortOfAStoppedServerIsForgotten(t *testing.T) {
	var port string
	t.Run("server", func(t *testing.T) { port = startServer(t, nil).Addr().String() })
	if at, ok := tlsPorts.Load(port); ok {
		t.Errorf("%s: connections still go to the TLS port %v of the stopped server", port, at)
	}
}
