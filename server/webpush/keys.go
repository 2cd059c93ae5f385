package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
)

// keyBytes is the size of a private key of P-256.
const keyBytes = 32

// Keys is the VAPID key pair of the server. Push services know the server by its public key, so subscriptions end with it. Immutable.
type Keys struct {
	private *ecdsa.PrivateKey
	text    string // of the private key
	public  string
}

// NewKeys creates a key pair.
func NewKeys() (*Keys, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("create a key of P-256: %w", err)
	}
	return keysOf(private)
}

// ParseKeys reads a private key: 32 bytes in base64url without padding, the form of most VAPID tools. The error does not contain the key.
func ParseKeys(text string) (*Keys, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != keyBytes {
		return nil, errors.New("want a private key of P-256: 32 bytes in base64url without padding (43 characters)")
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return nil, errors.New("want a private key of P-256: the number is not in its range")
	}
	return keysOf(private)
}

func keysOf(private *ecdsa.PrivateKey) (*Keys, error) {
	raw, err := private.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	public, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode a public key: %w", err)
	}
	return &Keys{private, base64.RawURLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(public)}, nil
}

// Private returns the private key in the form of ParseKeys.
func (k *Keys) Private() string { return k.text }

// Public returns the public key, an uncompressed point in base64url. A browser needs it for PushManager.subscribe, as applicationServerKey.
func (k *Keys) Public() string { return k.public }
