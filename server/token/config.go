// Package token checks the JSON Web Tokens (RFC 7519) by which connections and subscriptions say who they are, and makes those
// of guests. It knows no connection and no room.
package token

// Config is which tokens are believed. Without a key none is. Package settings says what the tags mean.
type Config struct {
	HMACSecret         string   `name:"hmac-secret" secret:"THRONG_TOKEN_HMAC_SECRET"`                   // of HS256, HS384 and HS512: 32 bytes or more
	HMACSecretPrevious string   `name:"hmac-secret-previous" secret:"THRONG_TOKEN_HMAC_SECRET_PREVIOUS"` // the secret before it, while tokens made by it are still around; empty for none
	PublicKeys         []string `name:"public-keys"`                                                     // PEM texts of RSA (RS256), ECDSA P-256, P-384, P-521 (ES256, ES384, ES512) and Ed25519 (EdDSA) keys; in the config file the names of their files
	JWKSURL            string   `name:"jwks-url"`                                                        // a fixed https URL of more public keys
	Issuer             string   `name:"issuer"`                                                          // if not empty, "iss" must be it
	Audience           string   `name:"audience"`                                                        // if not empty, "aud" must hold it
	RequireExp         bool     `name:"require-exp"`                                                     // a token without "exp" is not believed
}
