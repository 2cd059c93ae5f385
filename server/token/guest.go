package token

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/throng-chat/throng/server/name"
)

const (
	guestPrefix    = "guest:"
	guestKid       = "throng-guest-" // "kid" of guest tokens begins with it: guest keys verify these tokens only, and no other key does
	guestAlgorithm = "HS256"
	maxGuestName   = 64 // bytes
)

// GuestKey is a key of guest tokens, for HS256.
type GuestKey struct {
	ID     string `json:"id"`     // the end of "kid"
	Secret []byte `json:"secret"` // 32 random bytes
}

// NewGuestKey returns a random key.
func NewGuestKey() GuestKey {
	key := GuestKey{ID: rand.Text(), Secret: make([]byte, minSecret)}
	rand.Read(key.Secret) // never fails: crypto/rand ends the process instead
	return key
}

// Check returns an error unless the key is like one of NewGuestKey.
func (k GuestKey) Check() error {
	if k.ID == "" || len(k.Secret) != minSecret {
		return fmt.Errorf("the id has %d bytes, and the secret has %d: must be 1 or more, and %d", len(k.ID), len(k.Secret), minSecret)
	}
	return nil
}

// SetGuestKeys replaces the keys of guest tokens: the first one signs, all of them verify. There is at least one. A new Verifier has a random
// key. Any goroutine may call it.
func (v *Verifier) SetGuestKeys(keys []GuestKey) { v.guestKeys.Store(&keys) }

// guestKey returns the key for a "kid"; nil if there is none.
func (v *Verifier) guestKey(kid string) []byte {
	for _, k := range *v.guestKeys.Load() {
		if kid == guestKid+k.ID {
			return k.Secret
		}
	}
	return nil
}

// isGuest reports whether "kid" is that of a guest token.
func isGuest(kid string) bool { return strings.HasPrefix(kid, guestKid) }

// Guest issues a connection token for a client without an account. "info" is {"name":NAME}. "sub" is user; if user is empty, "guest:" and
// 26 random letters and digits. Only this Verifier accepts the token, for lifetime (whole seconds, 1 s or more), with or without
// configured keys. Take user from a verified guest token, never from a request: otherwise a client could publish as another guest.
// The errors are safe to send to the client. Any goroutine may call it.
func (v *Verifier) Guest(named, user string, now time.Time, lifetime time.Duration) (string, error) {
	switch {
	case strings.TrimSpace(named) == "" || len(named) > maxGuestName || !name.Visible(named):
		return "", fmt.Errorf("guest's name: want 1 to %d bytes of UTF-8, not only spaces, without control or invisible characters", maxGuestName)
	case user != "" && !strings.HasPrefix(user, guestPrefix):
		return "", fmt.Errorf("guest's user: want one that begins with %s, or none", guestPrefix)
	case lifetime < time.Second:
		return "", fmt.Errorf("guest's lifetime: want 1s or more, not %v", lifetime)
	}
	if user == "" {
		user = guestPrefix + rand.Text()
	}
	info, err := json.Marshal(map[string]string{"name": named})
	if err != nil {
		return "", err
	}
	t := jwt.NewWithClaims(jwt.GetSigningMethod(guestAlgorithm), jwt.MapClaims{
		"sub": user, "iat": now.Unix(), "exp": now.Add(lifetime).Unix(), "jti": rand.Text(), "info": json.RawMessage(info),
	})
	key := (*v.guestKeys.Load())[0]
	t.Header["kid"] = guestKid + key.ID
	text, err := t.SignedString(key.Secret)
	if err == nil && len(text) > maxToken {
		err = errors.New("guest's user: too long for a token")
	}
	return text, err
}
