package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	minSecret  = 32 // bytes: RFC 7518, 3.2, for HS256
	minRSA     = 2048
	maxRSA     = 8192 // bits; to verify a signature of such a key takes 16 times as long as with 2048
	maxOfAKind = 3    // public keys of one algorithm; fewer than maxTries, so that the key of the "kid" is tried as well
)

// The supported algorithms. "none" is not supported.
var (
	hmacAlgorithms   = []string{"HS256", "HS384", "HS512"}
	rsaAlgorithms    = []string{"RS256", "RS384", "RS512"}
	eddsaAlgorithms  = []string{"EdDSA"}
	publicAlgorithms = []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"}
)

// slowAlgorithms take milliseconds to verify, because Go has no assembly for their curves.
var slowAlgorithms = []string{"ES384", "ES512"}

// key verifies signatures of some algorithms. The kind of the key decides which, not the token (CVE-2015-9235).
type key struct {
	id         string // "kid"; only keys of a set have one
	algorithms []string
	material   any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// configuredKeys returns the keys of hmac-secret and public-keys, or all errors in them, joined.
func configuredKeys(cfg Config) ([]key, error) {
	var keys []key
	var errs []error
	for _, s := range []struct{ name, secret string }{{"hmac-secret", cfg.HMACSecret}, {"hmac-secret-previous", cfg.HMACSecretPrevious}} {
		switch {
		case s.secret == "":
		case strings.Contains(s.secret, "-----BEGIN"):
			errs = append(errs, fmt.Errorf("%s: want a secret, not a PEM text: put a public key into public-keys", s.name))
		case len(s.secret) < minSecret:
			errs = append(errs, fmt.Errorf("%s: want %d bytes or more from a random generator, not %d: an attacker can guess a shorter secret from one token", s.name, minSecret, len(s.secret)))
		case cfg.HMACSecret == "":
			errs = append(errs, fmt.Errorf("%s: want hmac-secret with it, which signs new tokens", s.name))
		default:
			keys = append(keys, key{algorithms: hmacAlgorithms, material: []byte(s.secret)})
		}
	}
	kinds := make(map[string]int)
	for i, text := range cfg.PublicKeys {
		k, err := parsePEM(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("public-keys, number %d: %w", i+1, err))
			continue
		}
		if kinds[k.algorithms[0]]++; kinds[k.algorithms[0]] == maxOfAKind+1 {
			errs = append(errs, fmt.Errorf("public-keys: want at most %d keys of %s", maxOfAKind, k.algorithms[0]))
		}
		keys = append(keys, k)
	}
	return keys, errors.Join(errs...)
}

func parsePEM(text string) (key, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return key{}, errors.New("want a PEM text: -----BEGIN PUBLIC KEY-----, lines of base64, -----END PUBLIC KEY-----")
	case len(bytes.TrimSpace(rest)) > 0:
		return key{}, errors.New("want one key in each text")
	case strings.Contains(block.Type, "PRIVATE KEY"):
		return key{}, errors.New("want a public key: keep the private key only where tokens are signed")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return key{}, fmt.Errorf("want a PUBLIC KEY, not a %s", block.Type)
	}
	if err != nil {
		return key{}, err
	}
	return publicKey(public)
}

// publicKey returns a key with the algorithms of its kind.
func publicKey(public crypto.PublicKey) (key, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return key{}, fmt.Errorf("want an RSA key of %d to %d bits, not %d", minRSA, maxRSA, bits)
		}
		return key{algorithms: rsaAlgorithms, material: k}, nil
	case *ecdsa.PublicKey:
		algorithm := ecdsaAlgorithm(k.Curve)
		if algorithm == "" {
			return key{}, fmt.Errorf("want an ECDSA key of the curve P-256, P-384 or P-521, not %s", k.Curve.Params().Name)
		}
		return key{algorithms: []string{algorithm}, material: k}, nil
	case ed25519.PublicKey:
		return key{algorithms: eddsaAlgorithms, material: k}, nil
	}
	return key{}, fmt.Errorf("want an RSA, ECDSA or Ed25519 key, not %T", public)
}

// ecdsaAlgorithm returns the algorithm of the keys on a curve (RFC 7518, 3.4), or "" for another curve.
func ecdsaAlgorithm(curve elliptic.Curve) string {
	switch curve {
	case elliptic.P256():
		return "ES256"
	case elliptic.P384():
		return "ES384"
	case elliptic.P521():
		return "ES512"
	}
	return ""
}
