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

// startSlow runs a server that knows a key of ES512 besides the tests' own, and returns who signs by it.
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

// occupied keeps all who verify busy until it is called.
func occupied(t *testing.T, s *Server) (release func()) {
	t.Helper()
	gate := make(chan struct{})
	for range s.hub.Verifiers.Most {
		if !s.hub.Verifiers.Do(netip.Addr{}, func() { <-gate }, func() {}) {
			t.Fatal("verifiers are busy")
		}
	}
	return func() { close(gate) }
}

// A signature that takes milliseconds is verified off the loop: meanwhile others are answered. Every command that brings a token does so.
func TestASlowSignatureHoldsUpNobody(t *testing.T) {
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
		c.say(`{"id":%d,%s}`, i+1, command)
		eventually(t, "it to wait to be verified", func() bool { return s.hub.Verifiers.Length() == 1 })
		for range s.hub.Loop.Pollers { // one at least is of the same poller
			another = connectSDK(t, s, userToken("bob"))
			another.enter("lobby")
		}
		release()
		name, _, _ := strings.Cut(command[1:], `"`)
		if got := c.line(); !strings.HasPrefix(got, fmt.Sprintf(`{"id":%d,%q:{`, i+1, name)) {
			t.Errorf("got %s, want %s to be done", got, name)
		}
	}
	// Who signs with another key is refused as ever, behind the same door.
	_, forge := startSlow(t)
	c = dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{"token":%q}}`, forge(map[string]any{"sub": "ann"}))
	c.closed(3500)
}

// Those that wait are bounded, and are told to come back.
func TestTokensThatWaitToBeVerifiedAreBounded(t *testing.T) {
	t.Parallel()
	s, slow := startSlow(t)
	release := occupied(t, s)
	for range session.MaxVerifying {
		s.hub.Verifiers.Do(netip.Addr{}, func() {}, func() {})
	}
	c := dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{"token":%q}}`, slow(map[string]any{"sub": "ann"}))
	c.want(`{"id":1,"error":{"code":111,"message":"too many requests","temporary":true}}`)
	member := connectSDK(t, s, userToken("ann"))
	member.say(`{"id":2,"subscribe":{"channel":"$tea","token":%q}}`, slow(map[string]any{"sub": "ann", "channel": "$tea"}))
	member.want(`{"id":2,"error":{"code":111,"message":"too many requests","temporary":true}}`)
	release()
}

// What the application demands while a token is verified holds for whom it names.
func TestAWordHoldsWhenTheTokenIsVerified(t *testing.T) {
	t.Parallel()
	s, slow := startSlow(t)
	release := occupied(t, s)
	c := dialSDK(t, s, "")
	c.say(`{"id":1,"connect":{"token":%q}}`, slow(map[string]any{"sub": "ann"}))
	eventually(t, "it to wait to be verified", func() bool { return s.hub.Verifiers.Length() == 1 })
	wantCall(t, s, "disconnect", `{"user":"ann"}`, `{"result":{}}`)
	release()
	c.closed(3503)

	c = connectSDK(t, s, userToken("ann"))
	release = occupied(t, s)
	c.say(`{"id":2,"subscribe":{"channel":"$tea","token":%q}}`, slow(map[string]any{"sub": "ann", "channel": "$tea"}))
	eventually(t, "it to wait to be verified", func() bool { return s.hub.Verifiers.Length() == 1 })
	wantCall(t, s, "unsubscribe", `{"user":"ann","channel":"$tea"}`, `{"result":{}}`)
	release()
	c.want(`{"id":2,"error":{"code":103,"message":"permission denied"}}`)
}
