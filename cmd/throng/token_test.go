package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const testSecret = "0123456789abcdef0123456789abcdef"

// tokenConfig returns the config file of a server with a secret for tokens.
func tokenConfig(t *testing.T, more string) string {
	t.Helper()
	return writeTemp(t, "throng.toml", fmt.Sprintf("[token]\nhmac-secret = %q\n%s", testSecret, more))
}

func TestTokenMakeCheckAndInspectAgree(t *testing.T) {
	t.Parallel()
	config := tokenConfig(t, "issuer = \"app\"\naudience = \"throng\"\n")
	for _, tt := range []struct {
		make   []string
		claims map[string]any // in the token
		says   string         // check
	}{
		{[]string{"--user", "ann", "--info", `{"name":"Ann <3"}`, "--join", "a,b", "--join", "c", "--id", "7", "--ttl", "0"},
			map[string]any{"sub": "ann", "info": map[string]any{"name": "Ann <3"}, "channels": []any{"a,b", "c"}, "jti": "7", "iss": "app", "aud": "throng"},
			`a connection of the user "ann", without an end`},
		{nil, map[string]any{"iss": "app"}, "a connection without a user, until "},
		{[]string{"--room", "$news", "--user", "ann", "--client", "c1", "--data", "[1]"}, map[string]any{"channel": "$news", "client": "c1", "data": []any{1.}},
			`a subscription of the user "ann" in the connection "c1" to the room "$news", until `},
	} {
		text := mustCall(t, "", append([]string{"token", "make", "--config", config}, tt.make...)...)
		if got := mustCall(t, "", "token", "check", "--config", config, text); !strings.HasPrefix(got, "accepted: "+tt.says) {
			t.Errorf("%v: check: got %q, want %q", tt.make, got, tt.says)
		}
		var parts tokenParts
		if err := json.Unmarshal([]byte(mustCall(t, text+"\n", "token", "inspect")), &parts); err != nil {
			t.Fatal(err)
		}
		for claim, want := range tt.claims {
			if got := parts.Claims[claim]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v: claim %s: got %v, want %v", tt.make, claim, got, want)
			}
		}
	}
}

// A token of each kind of key that throng key makes is accepted by a server with the public key.
func TestTokensOfEachPairOfKeysAreAccepted(t *testing.T) {
	t.Parallel()
	for algorithm, key := range map[string][]string{
		"EdDSA": {"ed25519"}, "ES256": {"ecdsa"}, "ES384": {"ecdsa", "--curve", "P-384"}, "ES512": {"ecdsa", "--curve", "P-521"}, "RS256": {"rsa"},
	} {
		name := filepath.Join(t.TempDir(), "app")
		mustCall(t, "", append(append([]string{"key"}, key...), "--out", name)...)
		text := mustCall(t, "", "token", "make", "--private-key", name+".key", "--user", "ann")
		config := writeTemp(t, "throng.toml", fmt.Sprintf("[token]\npublic-keys = [%q]\n", name+".pub"))
		if got := mustCall(t, "", "token", "check", "--config", config, text); !strings.HasPrefix(got, "accepted: ") {
			t.Errorf("%s: got %q", algorithm, got)
		}
		if got := mustCall(t, text, "token", "inspect"); !strings.Contains(got, `"alg": "`+algorithm+`"`) {
			t.Errorf("got %s, want the algorithm %s", got, algorithm)
		}
		if c := call(t, "", append(append([]string{"key"}, key...), "--out", name)...); c.code() == 0 {
			t.Errorf("%s: a second pair replaced the first", algorithm)
		}
	}
}

func TestTokenCheckSaysWhyTheServerRejects(t *testing.T) {
	t.Parallel()
	config := tokenConfig(t, "issuer = \"app\"\nrequire-exp = true\n")
	signed := func(secret string, claims jwt.MapClaims) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	later, past := time.Now().Add(time.Hour).Unix(), time.Now().Add(-time.Hour).Unix()
	for _, tt := range []struct {
		name, token, says string
	}{
		{"another secret", signed("another secret of 32 bytes or so", jwt.MapClaims{"iss": "app", "exp": later}), "close 3500 (invalid token): invalid token: no configured key matches"},
		{"expired", signed(testSecret, jwt.MapClaims{"iss": "app", "exp": past}), "error 109 (token expired): token is not valid now: it expired at "},
		{"issuer", signed(testSecret, jwt.MapClaims{"exp": later}), `"iss": not the configured issuer`},
		{"no end", signed(testSecret, jwt.MapClaims{"iss": "app"}), `"exp": required by require-exp`},
		{"subscription", signed(testSecret, jwt.MapClaims{"iss": "app", "channel": "a"}), `error 103 (permission denied): invalid token: "exp"`},
		{"milliseconds", signed(testSecret, jwt.MapClaims{"iss": "app", "exp": later * 1000}), "want seconds since 1970, not milliseconds"},
		{"not a token", "x", "not a JSON Web Token"},
		{"claims that are no object", "e30." + base64.RawURLEncoding.EncodeToString([]byte("7")) + ".", "not a JSON Web Token"},
	} {
		c := call(t, tt.token, "token", "check", "--config", config)
		if c.code() != exitRejected || c.out != "" || !strings.Contains(c.err.Error(), tt.says) {
			t.Errorf("%s: got exit %d, %q, %v, want %d and %q", tt.name, c.code(), c.out, c.err, exitRejected, tt.says)
		}
	}
	empty := writeTemp(t, "throng.toml", "")
	if c := call(t, signed(testSecret, nil), "token", "check", "--config", empty); c.code() != exitRejected || !strings.Contains(c.err.Error(), "the settings have no key under [token]") {
		t.Errorf("without a key: got %v", c.err)
	}
}

func TestTokenMakeRejectsWhatTheServerWould(t *testing.T) {
	t.Parallel()
	secret := writeTemp(t, "secret", testSecret+"\n")
	for _, tt := range []struct {
		says string
		args []string
	}{
		{"secret: missing", []string{"--config", writeTemp(t, "throng.toml", "")}},
		{"give only one of them", []string{"--secret-file", secret, "--secret", testSecret}},
		{"want 32 bytes or more", []string{"--secret", "short"}},
		{"private-key: ", []string{"--private-key", secret}},
		{"info: want JSON", []string{"--secret-file", secret, "--info", "Ann"}},
		{"ttl = -1s: must be 0 or more", []string{"--secret-file", secret, "--ttl", "-1s"}},
		{"names that begin with guest: are reserved", []string{"--secret-file", secret, "--user", "guest:x"}},
		{"longer than 4096 bytes", []string{"--secret-file", secret, "--user", strings.Repeat("u", 4096)}},
		{`room "a\nb": want 1 to 255 bytes`, []string{"--secret-file", secret, "--join", "a\nb"}},
		{"are for a subscription token", []string{"--secret-file", secret, "--client", "c"}},
		{"are for a connection token", []string{"--secret-file", secret, "--room", "a", "--meta", "1"}},
		{"no such file", []string{"--secret-file", filepath.Join(t.TempDir(), "none")}},
	} {
		c := call(t, "", append([]string{"token", "make"}, tt.args...)...)
		if c.code() != exitUsage || c.out != "" || !strings.Contains(c.err.Error(), tt.says) {
			t.Errorf("%v: got exit %d, %q, %v, want %d and %q", tt.args, c.code(), c.out, c.err, exitUsage, tt.says)
		}
	}
}

func TestATokenIsReadFromEachSource(t *testing.T) {
	t.Parallel()
	text := mustCall(t, "", "token", "make", "--secret", testSecret, "--user", "ann")
	file := writeTemp(t, "token", text+"\n")
	for _, args := range [][]string{{text}, {"--token", text}, {"--token-file", file}, {"--token-file", "-"}, {}} {
		if got := mustCall(t, text, append([]string{"token", "inspect"}, args...)...); !strings.Contains(got, `"sub": "ann"`) {
			t.Errorf("%v: got %s", args, got)
		}
	}
	if c := call(t, "\n", "token", "inspect"); c.code() != exitUsage || !strings.Contains(c.err.Error(), "token: missing") {
		t.Errorf("got %v", c.err)
	}
}
