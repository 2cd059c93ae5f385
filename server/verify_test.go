package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/throng-chat/throng/server/session"
)

// startSlow runs a server with an ES512 key besides the key of the tests. slow signs with it.
func startSlow(t *testing.T) (s *Server, slow func(map[string]any) string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	s = startServer(t, func(c *Config) {
		c.Token.HMACSecret = testSecret
		c.Token.PublicKeys = []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
		c.API.Key = strings.ReplaceAll(testKey, " ", "-")
	})
	return s, func(claims map[string]any) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodES512, jwt.MapClaims(claims)).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

// occupied keeps all verifiers busy until release is called.
func occupied(t *testing.T, s *Server) (release func()) {
	t.Helper()
	gate := make(chan struct{})
	for range s.sessions.Verifiers.Limit {
		if !s.sessions.Verifiers.Do(netip.Addr{}, func() { <-gate }, func() {}) {
			t.Fatal("verifiers are busy")
		}
	}
	return func() { close(gate) }
}

// A signature that takes milliseconds is verified by a worker, and other clients get replies meanwhile. This holds for every command with a
// token.
func TestASlowSignatureDelaysNoOtherClient(t *testing.T) {
	t.Parallel()
	s, slow := startSlow(t)
	exp := time.Now().Add(time.Hour).Unix()
	c := dialSDK(t, s, "")
	var another *sdk
	for i, command := range []string{
		fmt.Sprintf(`"connect":{"token":%q}`, slow(map[string]any{"sub": "ann", "exp": exp})),
		fmt.Sprintf(`"subscribe":{"channel":"$tea","token":%q}`, slow(map[string]any{"sub": "ann", "channel": "$tea", "exp": exp})),
		fmt.Sprintf(`"refresh":{"token":%q}`, slow(map[string]any{"sub": "ann", "exp": exp})),
		fmt.Sprintf(`"sub_refresh":{"channel":"$tea","token":%q}`, slow(map[string]any{"sub": "ann", "channel": "$tea", "exp": exp})),
	} {
		release := occupied(t, s)
		c.sendLine(`{"id":%d,%s}`, i+1, command)
		eventually(t, "it to wait for a verifier", func() bool { return s.sessions.Verifiers.Length() == 1 })
		for range s.sessions.Loop.Pollers { // at least one is on the same poller
			another = connectSDK(t, s, userToken("bob"))
			another.enter("lobby")
		}
		release()
		name, _, _ := strings.Cut(command[1:], `"`)
		if got := c.line(); !strings.HasPrefix(got, fmt.Sprintf(`{"id":%d,%q:{`, i+1, name)) {
			t.Errorf("got %s, want %s to succeed", got, name)
		}
	}
	// A signature with another key is rejected on the same path.
	_, forge := startSlow(t)
	c = dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, forge(map[string]any{"sub": "ann"}))
	c.expectCloseCode(3500)
}

// The number of waiting verifications is bounded. Above it, the error is temporary.
func TestQueuedTokenVerificationsAreBounded(t *testing.T) {
	t.Parallel()
	s, slow := startSlow(t)
	release := occupied(t, s)
	for range session.MaxVerifying {
		s.sessions.Verifiers.Do(netip.Addr{}, func() {}, func() {})
	}
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, slow(map[string]any{"sub": "ann"}))
	c.expectLine(`{"id":1,"error":{"code":111,"message":"too many requests","temporary":true}}`)
	member := connectSDK(t, s, userToken("ann"))
	member.sendLine(`{"id":2,"subscribe":{"channel":"$tea","token":%q}}`, slow(map[string]any{"sub": "ann", "channel": "$tea"}))
	member.expectLine(`{"id":2,"error":{"code":111,"message":"too many requests","temporary":true}}`)
	release()
}

// An API call about a user applies to a connection whose token is being verified.
func TestAnAPICallDuringATokenVerificationApplies(t *testing.T) {
	t.Parallel()
	s, slow := startSlow(t)
	release := occupied(t, s)
	c := dialSDK(t, s, "")
	c.sendLine(`{"id":1,"connect":{"token":%q}}`, slow(map[string]any{"sub": "ann"}))
	eventually(t, "it to wait for a verifier", func() bool { return s.sessions.Verifiers.Length() == 1 })
	wantCall(t, s, "disconnect", `{"user":"ann"}`, `{"result":{}}`)
	release()
	c.expectCloseCode(3503)

	c = connectSDK(t, s, userToken("ann"))
	release = occupied(t, s)
	c.sendLine(`{"id":2,"subscribe":{"channel":"$tea","token":%q}}`, slow(map[string]any{"sub": "ann", "channel": "$tea"}))
	eventually(t, "it to wait for a verifier", func() bool { return s.sessions.Verifiers.Length() == 1 })
	wantCall(t, s, "unsubscribe", `{"user":"ann","channel":"$tea"}`, `{"result":{}}`)
	release()
	c.expectLine(`{"id":2,"error":{"code":103,"message":"permission denied"}}`)
}
