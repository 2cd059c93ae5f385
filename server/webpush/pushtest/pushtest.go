// Package pushtest is a push service for tests: an HTTPS server on a loopback address that checks requests as RFC 8030, RFC 8188, RFC 8291
// and RFC 8292 describe them, and decrypts them as a browser does. It shares no code with package webpush.
package pushtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const created = 201 // status of an accepted message

// Push is one message that a browser has received.
type Push struct {
	Browser string // path of its endpoint
	Payload string
	TTL     string
	Urgency string
	Key     string // public key of the server, in base64url
	Subject string // of the token
	Length  int    // of the body
}

// Service is a push service.
type Service struct {
	server *httptest.Server

	mu       sync.Mutex
	browsers map[string]*browser // by the path of the endpoint
	pushes   []Push
	invalid  []error // requests that break a rule
	status   func(path string) int
}

// browser is what one browser keeps of its subscription.
type browser struct {
	key  *ecdh.PrivateKey
	auth []byte
}

// Start starts a push service, which ends with the test. The test fails if a request breaks a rule.
func Start(t testing.TB) *Service {
	s := &Service{browsers: map[string]*browser{}}
	s.server = httptest.NewTLSServer(s)
	t.Cleanup(func() {
		s.server.Close()
		for _, err := range s.invalid {
			t.Errorf("push service: %v", err)
		}
	})
	return s
}

// Roots returns the certificates that a client of the service needs.
func (s *Service) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.server.Certificate())
	return pool
}

// URL returns the address of the service, without a path.
func (s *Service) URL() string { return s.server.URL }

// Host returns the host of the service, without a port.
func (s *Service) Host() string { return "127.0.0.1" }

// Subscribe returns the subscription of a new browser: the JSON of its PushSubscription.
func (s *Service) Subscribe(name string) string {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	b := &browser{key, make([]byte, 16)}
	rand.Read(b.auth)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.browsers["/push/"+name] = b
	return fmt.Sprintf(`{"endpoint":"%s/push/%s","expirationTime":null,"keys":{"p256dh":"%s","auth":"%s"}}`, s.server.URL, name,
		base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), base64.RawURLEncoding.EncodeToString(b.auth))
}

// Respond sets the function that decides the status of valid requests; 0 and nil: 201.
func (s *Service) Respond(status func(path string) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// Pushes returns the messages so far.
func (s *Service) Pushes() []Push {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Push(nil), s.pushes...)
}

// ServeHTTP handles a request of a server.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the test ends
	}
	s.mu.Lock()
	b, respond := s.browsers[r.URL.Path], s.status
	s.mu.Unlock()
	status := 0
	if respond != nil {
		status = respond(r.URL.Path)
	}
	p, err := check(r, body, b, s.server.URL)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.invalid = append(s.invalid, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
	case status != 0 && status != created:
		if status < 400 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	default:
		s.pushes = append(s.pushes, p)
		w.WriteHeader(created)
	}
}

// check checks and decrypts a request.
func check(r *http.Request, body []byte, b *browser, origin string) (p Push, err error) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Encoding") != "aes128gcm" || r.Header.Get("TTL") == "" {
		return p, fmt.Errorf("method %s, headers %v", r.Method, r.Header)
	}
	if b == nil {
		return p, fmt.Errorf("no browser has the endpoint %s", r.URL.Path)
	}
	payload, err := b.decrypt(body)
	if err != nil {
		return p, err
	}
	p = Push{Browser: r.URL.Path, Payload: payload, TTL: r.Header.Get("TTL"), Urgency: r.Header.Get("Urgency"), Length: len(body)}
	p.Key, p.Subject, err = verify(r.Header.Get("Authorization"), origin)
	return p, err
}

// verify checks the Authorization header (RFC 8292), and returns the public key and the subject.
func verify(header, origin string) (key, subject string, err error) {
	rest, ok := strings.CutPrefix(header, "vapid t=")
	token, key, ok2 := strings.Cut(rest, ", k=")
	if !ok || !ok2 {
		return "", "", fmt.Errorf("header Authorization: %q", header)
	}
	point, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return "", "", fmt.Errorf("key: %w", err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return "", "", fmt.Errorf("key: %w", err)
	}
	var claims jwt.RegisteredClaims
	_, err = jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return public, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(origin), jwt.WithExpirationRequired())
	if err != nil {
		return "", "", fmt.Errorf("token: %w", err)
	}
	if left := time.Until(claims.ExpiresAt.Time); left > 24*time.Hour {
		return "", "", fmt.Errorf("token: valid for %v, want 24 hours at most", left)
	}
	return key, claims.Subject, nil
}

// decrypt decrypts a body as the browser does.
func (b *browser) decrypt(body []byte) (string, error) {
	if len(body) < 86 || len(body) > 4096 || body[20] != 65 {
		return "", fmt.Errorf("body: %d bytes, want a head with a key of 65 bytes, and 4,096 bytes at most", len(body))
	}
	salt, size, server, sealed := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:86], body[86:]
	if len(sealed) > int(size) {
		return "", fmt.Errorf("body: a record of %d bytes, its head has %d", len(sealed), size)
	}
	public, err := ecdh.P256().NewPublicKey(server)
	if err != nil {
		return "", fmt.Errorf("key of the message: %w", err)
	}
	shared, err := b.key.ECDH(public)
	if err != nil {
		return "", err
	}
	plain, err := open(shared, b.auth, salt, b.key.PublicKey().Bytes(), server, sealed)
	if err != nil {
		return "", fmt.Errorf("decrypt: %w", err)
	}
	end := len(plain) - 1
	for end >= 0 && plain[end] == 0 {
		end--
	}
	if end < 0 || plain[end] != 2 {
		return "", errors.New("body: no delimiter of the last record")
	}
	return string(plain[:end]), nil
}

// open derives the keys (RFC 8291, section 3.4, in the steps of its example) and opens the record.
func open(shared, auth, salt, browser, server, sealed []byte) ([]byte, error) {
	prkKey, err := hkdf.Extract(sha256.New, shared, auth)
	if err != nil {
		return nil, err
	}
	ikm, err := hkdf.Expand(sha256.New, prkKey, "WebPush: info\x00"+string(browser)+string(server), 32)
	if err != nil {
		return nil, err
	}
	prk, err := hkdf.Extract(sha256.New, ikm, salt)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return gcm.Open(nil, nonce, sealed, nil)
}
