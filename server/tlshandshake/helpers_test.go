package tlshandshake

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/tlsrec"
)

const patience = testkit.Timeout

var certificates = sync.OnceValue(func() map[string]*tls.Certificate {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err = errors.Join(err, err2); err != nil {
		panic(err)
	}
	return map[string]*tls.Certificate{"ECDSA": selfSigned(k, &k.PublicKey), "RSA": selfSigned(r, &r.PublicKey)}
})

func selfSigned(key, public any) *tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		panic(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func configOf(engine, kind string) Config {
	return Config{
		Engine: engine, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, Workers: 2,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificates()[kind], nil },
	}
}

func newHandshaker(t testing.TB, cfg Config) *Handshaker {
	t.Helper()
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// outcome is what a handshake came to at the server.
type outcome struct {
	*Result
	err error
}

// echo listens, makes handshakes with h, and sends back what it gets. wrap changes the server's side of a connection; nil for none.
func echo(t testing.TB, h *Handshaker, wrap func(net.Conn) net.Conn) (address string, outcomes chan outcome) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	outcomes = make(chan outcome, 1000)
	var open sync.WaitGroup
	t.Cleanup(func() { l.Close(); open.Wait() })
	open.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(patience))
				if wrap != nil {
					nc = wrap(nc)
				}
				r, err := h.Handshake(nc, netip.Addr{}, nil, nil)
				outcomes <- outcome{r, err}
				if err == nil {
					answer(nc, r)
				}
			})
		}
	})
	return l.Addr().String(), outcomes
}

// answer sends back what the client sends, until it ends.
func answer(nc net.Conn, r *Result) {
	src, buf := r.Rest, make([]byte, 16<<10)
	for {
		for more := true; more; {
			record, rest, err := r.Conn.In.Open(src)
			src = rest
			var out []byte
			switch {
			case err != nil || record.Kind == tlsrec.Closed:
				nc.Write(r.Conn.Out.Close(nil, err))
				return
			case record.Kind == tlsrec.More:
				more = false
			case record.Kind == tlsrec.Data:
				out, err = r.Conn.Out.Seal(nil, record.Data)
			case record.Kind == tlsrec.UpdateRequested:
				out = r.Conn.Out.KeyUpdate(nil)
			}
			if err == nil && len(out) > 0 {
				_, err = nc.Write(out)
			}
			if err != nil {
				return
			}
		}
		n, err := nc.Read(buf)
		if err != nil {
			return
		}
		src = buf[:n]
	}
}

// dial makes a handshake with crypto/tls, and has b sent back.
func dial(t testing.TB, address string, cfg *tls.Config, b []byte) tls.ConnectionState {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	c := tls.Client(nc, cfg)
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(b))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, b) {
		t.Fatalf("%d bytes do not come back: %v", len(b), err)
	}
	state := c.ConnectionState()
	c.Close()
	return state
}

func clientOf(version, suite uint16) *tls.Config {
	cfg := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", MinVersion: version, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}}
	if suite != 0 {
		cfg.CipherSuites = []uint16{suite}
	}
	return cfg
}

func eachEngine(t *testing.T, f func(t *testing.T, engine string)) {
	for _, engine := range []string{EngineLLib, EngineStd} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			f(t, engine)
		})
	}
}

func kindOf(suite uint16) string {
	if strings.Contains(tls.CipherSuiteName(suite), "ECDSA") || suite < 0x2000 {
		return "ECDSA"
	}
	return "RSA"
}
