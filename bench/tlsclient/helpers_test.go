package tlsclient

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

const patience = testkit.Timeout

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

var trusted = sync.OnceValue(func() *authority {
	a := &authority{key: newKey()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of the test"}, NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		panic(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
})

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// sign returns a certificate for key, which is that of chat.example until change.
func (au *authority) sign(key interface{ Public() any }, private any, change func(*x509.Certificate)) *tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"chat.example"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, au.cert, key.Public(), au.key)
	if err != nil {
		panic(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

type publicKey struct{ any }

func (k publicKey) Public() any { return k.any }

var certificates = sync.OnceValue(func() map[string]*tls.Certificate {
	ec := newKey()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return map[string]*tls.Certificate{
		"ECDSA": trusted().sign(publicKey{&ec.PublicKey}, ec, nil),
		"RSA":   trusted().sign(publicKey{&r.PublicKey}, r, nil),
	}
})

// pemOf returns the files of a certificate and of its key.
func pemOf(c *tls.Certificate) (cert, key []byte) {
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// settings returns those that trust the servers of the tests.
func settings() Settings { return Settings{CA: trusted().pem} }

// serve listens with TLS and calls on for each connection after its handshake, which may have failed.
func serve(t testing.TB, cfg *tls.Config, on func(c *tls.Conn, handshake error)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
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
				c := tls.Server(nc, cfg)
				on(c, c.Handshake())
			})
		}
	})
	return l.Addr().String()
}

// echo sends back what it gets.
func echo(c *tls.Conn, handshake error) {
	if handshake == nil {
		io.Copy(c, c)
		c.CloseWrite()
	}
}

// dial connects to a server and makes the handshake.
func dial(t testing.TB, address string, s Settings) (net.Conn, *Session, string, error) {
	t.Helper()
	client, err := New(s, "chat.example")
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session, agreed, err := client.Handshake(ctx, nc)
	return nc, session, agreed, err
}

func mustDial(t testing.TB, address string) (net.Conn, *Session, string) {
	t.Helper()
	nc, session, agreed, err := dial(t, address, settings())
	if err != nil {
		t.Fatal(err)
	}
	return nc, session, agreed
}

// read reads n bytes of data, or fewer at the end of the stream. now grows by step with each read.
func read(s *Session, from io.Reader, n int, step int64) (data []byte, err error) {
	p := make([]byte, 64<<10)
	for now := int64(busy + 1); len(data) < n; now += step {
		k, _, _, err := s.Read(from, p, now)
		data = append(data, p[:k]...)
		if err != nil {
			return data, err
		}
	}
	return data, nil
}

// faultOf returns the text of an *Error.
func faultOf(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Error()
	}
	return ""
}
