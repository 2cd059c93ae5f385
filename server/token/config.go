// Package token verifies the JSON Web Tokens (RFC 7519) of connections and subscriptions, and issues those of guests. It knows no
// connection and no room.
//
//	Verifier.Connect, Subscribe (token.go) --> keys of the configuration (keys.go) or of jwks-url (jwks.go) --> claims (claims.go)
//	Verifier.Guest (guest.go)              --> a token that only this process accepts
package token

// Config has the keys and rules by which tokens are accepted. Without a key, only tokens of guests are. Package settings explains the tags.
type Config struct {
	HMACSecret         string   `name:"hmac-secret" reload:"yes" secret:"THRONG_TOKEN_HMAC_SECRET"`                   // key of HS256, HS384 and HS512: 32 bytes or more
	HMACSecretPrevious string   `name:"hmac-secret-previous" reload:"yes" secret:"THRONG_TOKEN_HMAC_SECRET_PREVIOUS"` // the previous secret, while tokens that it signed are in use; empty for none
	PublicKeys         []string `name:"public-keys" reload:"yes"`                                                     // PEM texts of RSA (RS256), ECDSA P-256, P-384, P-521 (ES256, ES384, ES512) and Ed25519 (EdDSA) keys; in the config file: their file names
	JWKSURL            string   `name:"jwks-url" reload:"yes"`                                                        // a fixed https URL of a set with more public keys; empty for none
	Issuer             string   `name:"issuer" reload:"yes"`                                                          // required value of "iss"; empty for any
	Audience           string   `name:"audience" reload:"yes"`                                                        // required in "aud"; empty for any
	RequireExp         bool     `name:"require-exp" reload:"yes"`                                                     // reject tokens without "exp"
}
