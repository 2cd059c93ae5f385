package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// maxEndpoint is the limit of the URL of a subscription, in bytes. The URLs of push services have up to about 600.
const maxEndpoint = 1024

const secretBytes = 16 // of Subscription.Auth: RFC 8291, section 3.2

// Subscription is one browser: what its PushSubscription has as JSON, with the keys in base64url. Immutable.
type Subscription struct {
	Endpoint string `json:"endpoint"` // a secret: a request to it reaches the browser
	Keys     struct {
		P256dh string `json:"p256dh"` // public key of the browser
		Auth   string `json:"auth"`   // secret shared with the browser
	} `json:"keys"`
}

// Bytes returns the size of the texts.
func (sub *Subscription) Bytes() int {
	return len(sub.Endpoint) + len(sub.Keys.P256dh) + len(sub.Keys.Auth)
}

// Check returns why a subscription is not valid, or why its push service is not allowed. The error does not contain the path of the URL.
func (sub *Subscription) Check(allowed Services) error {
	if err := checkEndpoint(sub.Endpoint, allowed); err != nil {
		return err
	}
	_, _, err := sub.keys()
	return err
}

// checkEndpoint checks the URL of a subscription.
func checkEndpoint(endpoint string, allowed Services) error {
	if len(endpoint) > maxEndpoint {
		return fmt.Errorf("endpoint: %d bytes: at most %d are allowed", len(endpoint), maxEndpoint)
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return errors.New("endpoint: must be an https:// URL without user and fragment")
	}
	host := strings.ToLower(u.Hostname())
	if !allowed.private {
		if ip, err := netip.ParseAddr(host); err == nil && !isPublic(ip) {
			return errors.New("endpoint: must not have a private address")
		}
		if port := u.Port(); port != "" && port != "443" {
			return errors.New("endpoint: must have port 443")
		}
	}
	if !allowed.has(host) {
		return fmt.Errorf("endpoint: host %q is not an allowed push service", host)
	}
	return nil
}

// keys decodes the keys of the browser.
func (sub *Subscription) keys() (public *ecdh.PublicKey, secret []byte, err error) {
	secret, err = decodeKey(sub.Keys.Auth)
	if err != nil || len(secret) != secretBytes {
		return nil, nil, fmt.Errorf("keys.auth: must be %d bytes in base64url", secretBytes)
	}
	point, err := decodeKey(sub.Keys.P256dh)
	if err != nil {
		return nil, nil, errors.New("keys.p256dh: must be a public key of P-256 in base64url")
	}
	if public, err = ecdh.P256().NewPublicKey(point); err != nil {
		return nil, nil, errors.New("keys.p256dh: must be a point of P-256, uncompressed, 65 bytes")
	}
	return public, secret, nil
}

// decodeKey decodes base64url, with or without padding.
func decodeKey(text string) ([]byte, error) {
	const longest = 4 * 100 // characters, more than any key has
	if len(text) > longest {
		return nil, errors.New("too long")
	}
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
}

// host returns the host of the URL, for the log.
func (sub *Subscription) host() string {
	u, err := url.Parse(sub.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}
