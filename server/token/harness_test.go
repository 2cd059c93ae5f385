package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const secret = "secret of the tests, which no one guesses"

var now = time.Unix(1_800_000_000, 0)

// keyPairs has one key of each kind, of an issuer or of an attacker.
type keyPairs struct {
	rsa   *rsa.PrivateKey
	ecdsa *ecdsa.PrivateKey // P-256
	p384  *ecdsa.PrivateKey
	p521  *ecdsa.PrivateKey
	eddsa ed25519.PrivateKey
}

func newKeyPairs() keyPairs {
	r, errR := rsa.GenerateKey(rand.Reader, 2048)
	e, errE := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	e384, err384 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	e521, err521 := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, d, errD := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(errR, errE, err384, err521, errD); err != nil {
		panic(err)
	}
	return keyPairs{r, e, e384, e521, d}
}

var (
	ours   = sync.OnceValue(newKeyPairs)
	theirs = sync.OnceValue(newKeyPairs)
)

func (p keyPairs) public() []any {
	return []any{&p.rsa.PublicKey, &p.ecdsa.PublicKey, p.eddsa.Public(), &p.p384.PublicKey, &p.p521.PublicKey}
}

// signer returns the key that signs for an algorithm.
func (p keyPairs) signer(algorithm string, hmacSecret string) any {
	switch algorithm {
	case "ES384":
		return p.p384
	case "ES512":
		return p.p521
	}
	switch algorithm[:2] {
	case "HS":
		return []byte(hmacSecret)
	case "RS", "PS":
		return p.rsa
	case "ES":
		return p.ecdsa
	}
	return p.eddsa
}

func der(public any) []byte {
	b, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	return b
}

func pemOf(public any) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der(public)}))
}

var algorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"}

// config returns a configuration with a key of every kind.
func config() Config {
	cfg := Config{HMACSecret: secret}
	for _, public := range ours().public() {
		cfg.PublicKeys = append(cfg.PublicKeys, pemOf(public))
	}
	return cfg
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func verifier(t testing.TB, cfg Config) *Verifier {
	t.Helper()
	v, err := New(cfg, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type object = map[string]any

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// signed returns a token by any key, with any header.
func signed(algorithm string, key any, header, claims object) string {
	head := object{"alg": algorithm, "typ": "JWT"}
	for name, value := range header {
		head[name] = value
	}
	text := encode(head) + "." + encode(claims)
	signature, err := jwt.GetSigningMethod(algorithm).Sign(text, key)
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// good returns a token by a configured key.
func good(algorithm string, claims object) string {
	return signed(algorithm, ours().signer(algorithm, secret), nil, claims)
}

// jwk returns a public key in the format of RFC 7517.
func jwk(public crypto.PublicKey, more object) object {
	b64 := base64.RawURLEncoding.EncodeToString
	var k object
	switch p := public.(type) {
	case *rsa.PublicKey:
		k = object{"kty": "RSA", "n": b64(p.N.Bytes()), "e": b64(big.NewInt(int64(p.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		if err != nil {
			panic(err)
		}
		half := len(point) / 2
		k = object{"kty": "EC", "crv": p.Curve.Params().Name, "x": b64(point[1 : 1+half]), "y": b64(point[1+half:])}
	case ed25519.PublicKey:
		k = object{"kty": "OKP", "crv": "Ed25519", "x": b64(p)}
	}
	for name, value := range more {
		k[name] = value
	}
	return k
}

func jwks(keys ...object) []byte {
	b, err := json.Marshal(object{"keys": keys})
	if err != nil {
		panic(err)
	}
	return b
}

// pipes is a network of one server without sockets, for testing/synctest.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// servePipes serves the fetches of v until the test ends.
func servePipes(t *testing.T, v *Verifier, handler http.HandlerFunc) {
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: handler}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := server.Serve(p); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	v.rules.Load().set.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case p.conns <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	t.Cleanup(func() {
		server.Close()
		<-stopped
	})
}

// running runs v until the test ends.
func running(t *testing.T, v *Verifier) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- v.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: got %v, want the error of its context", err)
		}
	})
}

// expectError wants the error want, without parts of the token in its text.
func expectError(t testing.TB, token string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("token %.300s: got %v, want %v", token, err, want)
		return
	}
	for _, other := range []error{ErrInvalid, ErrExpired, ErrKeysNotLoaded} {
		if other != want && errors.Is(err, other) {
			t.Errorf("token %.300s: got %v, which is also %v", token, err, other)
		}
	}
	if len(token) > 8 && bytes.Contains([]byte(err.Error()), []byte(token)) {
		t.Errorf("the error quotes the token: %v", err)
	}
}
