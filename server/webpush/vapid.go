package webpush

import (
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A token of VAPID is valid for tokenLife and used for half of it. RFC 8292 allows 24 hours; less leaves room for clocks that differ.
const (
	tokenLife = 12 * time.Hour
	maxTokens = 64 // stored tokens: one for each origin of a push service
)

// signer makes the Authorization header of requests, and stores it for each origin. Any goroutine may use it.
type signer struct {
	keys    *Keys
	subject string // contact of the operator: a mailto: or https: URL

	mu     sync.Mutex // a leaf
	tokens map[string]vapidToken
}

type vapidToken struct {
	header string
	until  time.Time // it is used until then
}

// header returns the Authorization header of a request to an endpoint.
func (sg *signer) header(endpoint string, now time.Time) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", withoutURL(err)
	}
	origin := u.Scheme + "://" + u.Host
	sg.mu.Lock()
	t, ok := sg.tokens[origin]
	sg.mu.Unlock()
	if ok && now.Before(t.until) {
		return t.header, nil
	}
	claims := jwt.MapClaims{"aud": origin, "exp": now.Add(tokenLife).Unix(), "sub": sg.subject}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(sg.keys.private)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	t = vapidToken{"vapid t=" + signed + ", k=" + sg.keys.Public(), now.Add(tokenLife / 2)}
	sg.mu.Lock()
	defer sg.mu.Unlock()
	if len(sg.tokens) >= maxTokens {
		clear(sg.tokens)
	}
	sg.tokens[origin] = t
	return t.header, nil
}
