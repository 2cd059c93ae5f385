// Package token checks the JSON Web Tokens (RFC 7519) by which connections and subscriptions say who they are, and makes those
// of guests. It knows no connection and no room.
package token

// Config is which tokens are believed. Without a key none is.
type Config struct {
	HMACSecret         string   // of HS256, HS384 and HS512: 32 bytes or more
	HMACSecretPrevious string   // the secret before it, while tokens made by it are still around; empty for none
	PublicKeys         []string // PEM texts of RSA (RS256), ECDSA P-256, P-384, P-521 (ES256, ES384, ES512) and Ed25519 (EdDSA) keys
	JWKSURL            string   // a fixed https URL of more public keys
	Issuer             string   // if not empty, "iss" must be it
	Audience           string   // if not empty, "aud" must hold it
	RequireExp         bool     // a token without "exp" is not believed
}
