package main

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/throng-chat/throng/server/token"
)

// signer signs tokens, and has the settings by which a server verifies them.
type signer struct {
	method   jwt.SigningMethod
	key      any // []byte, or a private key
	verifies token.Config
}

// secretSigner returns a signer for an HMAC secret.
func secretSigner(secret string) *signer {
	return &signer{method: jwt.SigningMethodHS256, key: []byte(secret), verifies: token.Config{HMACSecret: secret}}
}

// privateSigner returns a signer for a private key in PEM: PKCS #8, or the older forms of RSA and ECDSA keys.
func privateSigner(text []byte) (*signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("want a private key in PEM, such as that of throng key ed25519")
	}
	private, err := parsePrivate(block)
	if err != nil {
		return nil, err
	}
	sg := &signer{key: private}
	switch k := private.(type) {
	case *rsa.PrivateKey:
		sg.method = jwt.SigningMethodRS256
	case ed25519.PrivateKey:
		sg.method = jwt.SigningMethodEdDSA
	case *ecdsa.PrivateKey:
		for _, m := range []*jwt.SigningMethodECDSA{jwt.SigningMethodES256, jwt.SigningMethodES384, jwt.SigningMethodES512} {
			if m.CurveBits == k.Curve.Params().BitSize {
				sg.method = m
			}
		}
	}
	if sg.method == nil {
		return nil, errors.New("want an RSA, an Ed25519 or an ECDSA key of the curve P-256, P-384 or P-521")
	}
	public, err := publicPEM(private.(crypto.Signer).Public())
	sg.verifies.PublicKeys = []string{public}
	return sg, err
}

func parsePrivate(block *pem.Block) (any, error) {
	switch block.Type {
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	}
	return nil, fmt.Errorf("want a private key, not a %s", block.Type)
}

// sign returns a signed token. It is an error if a server with the key of the signer would reject the token.
func (sg *signer) sign(claims jwt.MapClaims) (string, error) {
	verifier, err := token.New(sg.verifies, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	text, err := jwt.NewWithClaims(sg.method, claims).SignedString(sg.key)
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	if _, subscription := claims["channel"]; subscription {
		_, err = verifier.Subscribe(text, time.Now())
	} else {
		_, err = verifier.Connect(text, time.Now())
	}
	return text, err
}

// signingKey is the key of new tokens.
type signingKey struct {
	Secret     string `placeholder:"SECRET" help:"HMAC secret of the server. All users of this machine can see flags: prefer --secret-file, or the default, which is THRONG_TOKEN_HMAC_SECRET or hmac-secret of the config file."`
	SecretFile string `type:"path" placeholder:"FILE" help:"File with the HMAC secret."`
	PrivateKey string `type:"path" placeholder:"FILE" help:"Private key in PEM, instead of an HMAC secret: RSA, ECDSA or Ed25519."`
	serverSettings
}

// given returns the number of flags that have a key.
func (sk *signingKey) given() (n int) {
	for _, flag := range []string{sk.Secret, sk.SecretFile, sk.PrivateKey} {
		if flag != "" {
			n++
		}
	}
	return n
}

// signer returns the signer of the flags, or else that of the settings of the server. It has the issuer and the audience of the settings, if
// they are read.
func (sk *signingKey) signer() (*signer, error) {
	fail := func(err error) (*signer, error) { return nil, &exitError{code: exitUsage, err: err} }
	if sk.given() > 1 {
		return fail(errors.New("secret, secret-file and private-key: give only one of them"))
	}
	var of token.Config
	if sk.given() == 0 || sk.Config != "" {
		cfg, _, err := sk.load()
		if err != nil {
			return nil, err
		}
		of = cfg.Token
	}
	sg, err := sk.read(of.HMACSecret)
	if err != nil {
		return fail(err)
	}
	sg.verifies.Issuer, sg.verifies.Audience = of.Issuer, of.Audience
	return sg, nil
}

// read returns the signer of the key of a flag, else of an HMAC secret.
func (sk *signingKey) read(otherwise string) (*signer, error) {
	if sk.PrivateKey != "" {
		text, err := readAtMost(sk.PrivateKey, maxKeyFile)
		if err != nil {
			return nil, fmt.Errorf("private-key: %w", err)
		}
		sg, err := privateSigner(text)
		if err != nil {
			return nil, fmt.Errorf("private-key: %s: %w", sk.PrivateKey, err)
		}
		return sg, nil
	}
	secret := sk.Secret
	if sk.SecretFile != "" {
		text, err := readAtMost(sk.SecretFile, maxKeyFile)
		if err != nil {
			return nil, fmt.Errorf("secret-file: %w", err)
		}
		if secret = strings.TrimSpace(string(text)); secret == "" {
			return nil, fmt.Errorf("secret-file: %s is empty", sk.SecretFile)
		}
	}
	if secret = cmp.Or(secret, otherwise); secret == "" {
		return nil, errors.New("secret: missing: set THRONG_TOKEN_HMAC_SECRET, or hmac-secret under [token] in the config file; or give --secret-file or --private-key; " +
			"throng key secret makes a new one")
	}
	return secretSigner(secret), nil
}
