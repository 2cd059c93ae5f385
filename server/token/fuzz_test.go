package token

import (
	"errors"
	"strings"
	"testing"
)

// For every input: no panic, one of the three errors, and no token accepted without a valid signature.
func FuzzConnect(f *testing.F) {
	// One secret for all processes of the fuzzer, so that a found signature is a real one.
	cfg := Config{HMACSecret: "a secret that no fuzzer comes upon", PublicKeys: []string{fuzzKey}}
	v, err := New(cfg, quiet())
	if err != nil {
		f.Fatal(err)
	}
	accepted := make(map[string]bool)
	for _, claims := range []object{
		{"sub": "42"}, {"sub": "42", "exp": now.Unix() + 60, "iat": 1.5, "info": object{"a": 1}}, {"channels": []string{"a"}, "subs": object{"a": object{"b64data": "eA=="}}},
		{"channel": "room", "sub": "42"},
	} {
		token := signed("HS256", []byte(cfg.HMACSecret), object{"kid": "1"}, claims)
		accepted[token] = true
		f.Add(token)
	}
	for _, token := range forgeries() {
		f.Add(token)
	}
	for _, token := range []string{"..", "e30.e30.", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat(".", 5000), encode(object{"alg": "EdDSA"}) + ".e30." + strings.Repeat("A", 86)} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, errConnect := v.Connect(token, now)
		_, errSubscribe := v.Subscribe(token, now)
		if (errConnect == nil || errSubscribe == nil) && !accepted[token] {
			t.Fatalf("accepted: %q", token)
		}
		if accepted[token] && errConnect != nil && errSubscribe != nil {
			t.Fatalf("rejected: %v, %v", errConnect, errSubscribe)
		}
		for _, err := range []error{errConnect, errSubscribe} {
			if err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrExpired) {
				t.Fatalf("got %v, want one of the three errors", err)
			}
			if err != nil && len(err.Error()) > 200 {
				t.Fatalf("the error quotes the token: %v", err)
			}
		}
	})
}

// The public key of RFC 8037, A.2.
const fuzzKey = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
`

// The claims after the signature check, without a signature.
func FuzzClaims(f *testing.F) {
	for _, claims := range []string{
		`{}`, `null`, `{"sub":"42","exp":1800000060,"nbf":1.5e9,"expire_at":0}`, `{"info":{"a":[1, 2]},"b64info":"eA==","meta":null}`,
		`{"channels":["a"],"subs":{"a":{"info":1,"b64data":"eA=="}},"aud":["a"],"iss":"b"}`, `{"exp":1e308}`, `{"exp":-9223372036854775808}`, "{\"a\":\n1}",
	} {
		f.Add(claims)
	}
	f.Fuzz(func(t *testing.T, claims string) {
		v := verifier(t, Config{HMACSecret: secret})
		token := resign(encode(object{"alg": "HS256"}) + "." + base64Of(claims))
		c, err := v.Connect(token, now)
		if err == nil {
			if !c.Expires.IsZero() && !c.Expires.After(now) {
				t.Fatalf("accepted after its expiry: %+v", c)
			}
			if strings.ContainsAny(string(c.Meta), "\r\n") {
				t.Fatalf("a line break: %q", c.Meta)
			}
			if strings.HasPrefix(c.User, guestPrefix) {
				t.Fatalf("a guest: %+v", c)
			}
		}
		if s, err := v.Subscribe(token, now); err == nil && (s.Channel == "" || strings.HasPrefix(s.User, guestPrefix)) {
			t.Fatalf("accepted: %+v", s)
		}
	})
}
