package token

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

func TestEachAlgorithmIsBelievedWithItsKey(t *testing.T) {
	v := verifier(t, config())
	for _, algorithm := range algorithms {
		c, err := v.Connect(good(algorithm, object{"sub": "42"}), now)
		if err != nil || c.User != "42" || c.Guest {
			t.Errorf("%s: got %+v, %v", algorithm, c, err)
		}
	}
}

// The order of the rooms is that of the token, although a map has no order.
func TestRoomsKeepTheOrderOfTheToken(t *testing.T) {
	for text, want := range map[string]string{
		`{"z":{},"a":{"info":{"b":[1,{"x":2}]}},"m":{},"b":{},"y":{"data":"q"}}`: "z a m b y",
		`{"z":{},"a":{},"z":{"info":1}}`:                                         "z a",
		`{}`:                                                                     "",
	} {
		d := &decoder{claims: map[string]json.RawMessage{"subs": []byte(text)}}
		subs, names := d.subs()
		if got := strings.Join(names, " "); got != want || len(subs) != len(names) || d.err != nil {
			t.Errorf("%s: got %q of %d rooms, %v, want %q", text, got, len(subs), d.err, want)
		}
	}
}

func TestClaimsOfAConnection(t *testing.T) {
	for _, test := range []struct {
		name   string
		claims object
		want   Claims
	}{
		{"nothing", object{}, Claims{}},
		{"null is nothing", object{"sub": nil, "exp": nil, "info": nil, "b64info": nil, "channels": nil, "subs": nil}, Claims{}},
		{"a user", object{"sub": "Ünal 🙂", "jti": "7", "iat": now.Unix()}, Claims{User: "Ünal 🙂", ID: "7", IssuedAt: now}},
		{"exp", object{"exp": now.Unix() + 60}, Claims{Expires: now.Add(time.Minute)}},
		{"a fraction", object{"exp": float64(now.Unix()) + 60.5}, Claims{Expires: now.Add(60500 * time.Millisecond)}},
		{"expire_at", object{"exp": now.Unix() + 60, "expire_at": now.Unix() + 3600}, Claims{Expires: now.Add(time.Hour)}},
		{"expire_at 0: never", object{"exp": now.Unix() + 60, "expire_at": 0}, Claims{}},
		{"info", object{"info": object{"a": "b c"}, "meta": []int{1}}, Claims{Info: []byte(`{"a":"b c"}`), Meta: []byte(`[1]`)}},
		{"b64info", object{"b64info": "AAH/", "info": "x"}, Claims{Info: []byte{0, 1, 255}}},
		{"rooms", object{"channels": []string{"a", "b"}, "subs": object{"c": object{}, "d": object{"info": 1, "b64data": "eA=="}}},
			Claims{Channels: []string{"a", "b"}, Subs: map[string]SubOptions{"c": {}, "d": {Info: []byte("1"), Data: []byte("x")}}, SubNames: []string{"c", "d"}}},
		{"no rooms, by PHP", object{"subs": []int{}, "channels": []int{}, "info": []int{}}, Claims{Subs: map[string]SubOptions{}, Channels: []string{}, Info: []byte("[]")}},
		{"no options, by PHP", object{"subs": object{"c": []int{}}}, Claims{Subs: map[string]SubOptions{"c": {}}, SubNames: []string{"c"}}},
		{"others' claims", object{"SUB": "root", "Exp": 1, "INFO": 1, "aud": 7, "scope": object{}}, Claims{}},
	} {
		got, err := verifier(t, config()).Connect(good("HS256", test.claims), now)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, %v, want %+v", test.name, got, err, test.want)
		}
	}
}

func TestInfoHoldsNoLineBreak(t *testing.T) {
	text := encode(object{"alg": "HS256"}) + "." + base64Of("{\"info\": {\n\"a\":\r\n [1,\t2] }, \"meta\": 1 }")
	got, err := verifier(t, config()).Connect(resign(text), now)
	if err != nil || string(got.Info) != `{"a":[1,2]}` || string(got.Meta) != "1" {
		t.Errorf("got %q, %q, %v", got.Info, got.Meta, err)
	}
}

func TestClaimsThatAreRefused(t *testing.T) {
	cfg := config()
	v := verifier(t, cfg)
	for _, claims := range []object{
		{"sub": 42}, {"sub": []string{"a"}}, {"sub": object{}}, {"sub": true}, {"jti": 1}, {"iat": "now"},
		{"exp": "1800000060"}, {"exp": true}, {"exp": now.UnixMilli()}, {"exp": 1e300}, {"exp": -1e300}, {"nbf": "x"}, {"nbf": now.UnixMilli()},
		{"expire_at": "never"}, {"channels": "a"}, {"channels": []int{1}}, {"subs": []string{"a"}}, {"subs": object{"a": 1}}, {"subs": object{"a": []int{1}}}, {"subs": "[]"},
		{"subs": object{"a": object{"b64info": "?"}}}, {"b64info": "?"}, {"b64info": 1},
		{"channel": "room", "sub": "42"}, // of a subscription token
		{"sub": "guest:"}, {"sub": "guest:ABC"},
	} {
		for _, expired := range []bool{false, true} { // the error is the same for expired tokens
			if _, has := claims["exp"]; expired && !has {
				claims["exp"] = 1
			}
			token := good("HS256", claims)
			_, err := v.Connect(token, now)
			expectError(t, token, err, ErrInvalid)
		}
	}
	for _, payload := range []string{"", "null", "[]", "1", `"a"`, "{", `{"sub":"a"`, "{}{}", "{\"sub\":\"\xff\"}", strings.Repeat("[", 2000)} {
		token := resign(encode(object{"alg": "HS256"}) + "." + base64Of(payload))
		_, err := v.Connect(token, now)
		expectError(t, token, err, ErrInvalid)
	}
}

// "exp" is exact; "nbf" has a leeway.
func TestTimes(t *testing.T) {
	v := verifier(t, config())
	for _, test := range []struct {
		claims object
		want   error
	}{
		{object{"exp": now.Unix() + 1}, nil},
		{object{"exp": now.Unix()}, ErrExpired},
		{object{"exp": now.Unix() - 1}, ErrExpired},
		{object{"exp": now.Unix(), "expire_at": 0}, ErrExpired},
		{object{"exp": 0}, ErrExpired},
		{object{"exp": -5}, ErrExpired},
		{object{"nbf": now.Unix()}, nil},
		{object{"nbf": now.Unix() + 30}, nil},
		{object{"nbf": now.Unix() + 31}, ErrExpired},
		{object{"nbf": now.Unix() + 31, "exp": now.Unix() + 60}, ErrExpired},
		{object{"expire_at": now.Unix()}, ErrExpired},
		{object{"expire_at": now.Unix() + 1}, nil},
		{object{"expire_at": 0, "exp": now.Unix() - 1}, ErrExpired},
		{object{"iat": now.Unix() + 3600}, nil}, // RFC 7519 does not forbid it
	} {
		for _, algorithm := range []string{"HS256", "EdDSA"} {
			token := good(algorithm, test.claims)
			if _, err := v.Connect(token, now); test.want == nil && err != nil {
				t.Errorf("%v: %v", test.claims, err)
			} else if test.want != nil {
				expectError(t, token, err, test.want)
			}
			test.claims["channel"] = "room"
			token = good(algorithm, test.claims)
			if _, err := v.Subscribe(token, now); test.want == nil && err != nil {
				t.Errorf("%v: %v", test.claims, err)
			} else if test.want != nil {
				expectError(t, token, err, test.want)
			}
			delete(test.claims, "channel")
		}
	}
}

func TestIssuerAndAudienceAreRequiredWhenConfigured(t *testing.T) {
	cfg := config()
	cfg.Issuer, cfg.Audience = "https://id.example", "chat"
	v := verifier(t, cfg)
	for _, test := range []struct {
		claims object
		good   bool
	}{
		{object{"iss": "https://id.example", "aud": "chat"}, true},
		{object{"iss": "https://id.example", "aud": []string{"mail", "chat"}}, true},
		{object{"iss": "https://id.example"}, false},
		{object{"aud": "chat"}, false},
		{object{"iss": "https://id.example/", "aud": "chat"}, false},
		{object{"iss": "https://ID.example", "aud": "chat"}, false},
		{object{"iss": []string{"https://id.example"}, "aud": "chat"}, false},
		{object{"iss": "https://id.example", "aud": "Chat"}, false},
		{object{"iss": "https://id.example", "aud": "chat,mail"}, false},
		{object{"iss": "https://id.example", "aud": []string{}}, false},
		{object{"iss": "https://id.example", "aud": ""}, false},
		{object{"iss": "https://id.example", "aud": []any{"chat", 1}}, false},
		{object{"iss": "https://id.example", "aud": object{"chat": true}}, false},
		{object{"Iss": "https://id.example", "AUD": "chat"}, false},
	} {
		for _, algorithm := range []string{"HS256", "ES256"} {
			connect, subscribe := good(algorithm, test.claims), ""
			test.claims["channel"] = "room"
			subscribe = good(algorithm, test.claims)
			delete(test.claims, "channel")
			_, err := v.Connect(connect, now)
			_, errSub := v.Subscribe(subscribe, now)
			if test.good && (err != nil || errSub != nil) {
				t.Errorf("%v: got %v and %v", test.claims, err, errSub)
			}
			if !test.good {
				expectError(t, connect, err, ErrInvalid)
				expectError(t, subscribe, errSub, ErrInvalid)
			}
		}
	}
}

func TestClaimsOfASubscription(t *testing.T) {
	v := verifier(t, config())
	for _, test := range []struct {
		claims object
		want   SubClaims
	}{
		{object{"channel": "a"}, SubClaims{Channel: "a"}},
		{object{"channel": "a", "sub": ""}, SubClaims{Channel: "a"}},
		{object{"channel": "a", "sub": "42", "client": "c", "info": 1, "data": object{"k": 2}, "exp": now.Unix() + 9},
			SubClaims{Channel: "a", User: "42", Client: "c", Info: []byte("1"), Data: []byte(`{"k":2}`), Expires: now.Add(9 * time.Second)}},
		{object{"channel": "a", "b64info": "eA==", "b64data": "eQ==", "exp": now.Unix() + 9, "expire_at": 0},
			SubClaims{Channel: "a", Info: []byte("x"), Data: []byte("y")}},
	} {
		got, err := v.Subscribe(good("HS256", test.claims), now)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("got %+v, %v, want %+v", got, err, test.want)
		}
	}
	for _, claims := range []object{
		{}, {"sub": "42"}, {"channel": ""}, {"channel": nil}, {"channel": 1}, {"channel": []string{"a"}}, {"channels": []string{"a"}}, {"Channel": "a"},
		{"channel": "a", "sub": 1}, {"channel": "a", "client": 1}, {"channel": "a", "b64info": "?"}, {"channel": "a", "sub": "guest:X"},
	} {
		token := good("HS256", claims)
		_, err := v.Subscribe(token, now)
		expectError(t, token, err, ErrInvalid)
	}
}

func TestSettingsThatAreWrongNameTheirKey(t *testing.T) {
	private := "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	one := pemOf(ours().public()[0])
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{HMACSecret: one}, "hmac-secret: want a secret"},
		{Config{PublicKeys: []string{""}}, "public-keys, number 1: want a PEM text"},
		{Config{PublicKeys: []string{one, "AAAA"}}, "public-keys, number 2: want a PEM text"},
		{Config{PublicKeys: []string{one + one}}, "want one key in each text"},
		{Config{PublicKeys: []string{private}}, "want a public key"},
		{Config{PublicKeys: []string{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}}, "not a CERTIFICATE"},
		{Config{PublicKeys: []string{"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}}, "public-keys, number 1: "},
		{Config{PublicKeys: []string{weakRSA}}, "want an RSA key of 2048 to 8192 bits, not 1024"},
		{Config{PublicKeys: []string{pemOf(p224())}}, "curve P-256, P-384 or P-521, not P-224"},
		{Config{HMACSecretPrevious: one}, "hmac-secret-previous: want a secret"},
		{Config{HMACSecretPrevious: secret}, "hmac-secret-previous: want hmac-secret with it"},
		{Config{PublicKeys: []string{one, one, one, one}}, "public-keys: want at most 3 keys of RS256"},
		{Config{JWKSURL: "example.com/keys"}, "jwks-url: want a URL"},
		{Config{JWKSURL: "https://"}, "jwks-url: want a URL"},
		{Config{JWKSURL: "https://:443/keys"}, "jwks-url: want a URL"},
		{Config{JWKSURL: "https://example.com/{{tenant}}/keys"}, "without {{ }}"},
		{Config{JWKSURL: "https://{{iss}}/keys"}, "without {{ }}"},
		{Config{JWKSURL: "https://me:hunter2@example.com/keys"}, "want no user and password"},
		{Config{JWKSURL: "http://example.com/keys"}, "want https"},
		{Config{JWKSURL: "http://localhost.example.com/keys"}, "want https"},
		{Config{JWKSURL: "http://127.0.0.1.example.com/keys"}, "want https"},
		{Config{JWKSURL: "http://10.0.0.1/keys"}, "want https"},
		{Config{JWKSURL: "http://0.0.0.0/keys"}, "want https"},
		{Config{JWKSURL: "file:///etc/passwd"}, "jwks-url"},
		{Config{JWKSURL: "gopher://127.0.0.1/keys"}, "want https"},
	} {
		_, err := New(test.cfg, quiet())
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %q", test.cfg, err, test.want)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error contains the password: %v", err)
		}
	}
	_, err := New(Config{HMACSecret: one, PublicKeys: []string{"x", "y"}, JWKSURL: "x"}, quiet())
	if err == nil || len(strings.Split(err.Error(), "\n")) != 4 {
		t.Errorf("got %v, want four errors in as many lines", err)
	}
	for _, url := range []string{"https://example.com/keys", "http://127.0.0.1:8080/keys", "http://[::1]/keys", "http://localhost/keys"} {
		if v := verifier(t, Config{JWKSURL: url}); !v.Enabled() {
			t.Errorf("%s: not enabled", url)
		}
	}
	if verifier(t, Config{}).Enabled() {
		t.Error("enabled without a key")
	}
}

// With one token, an attacker can guess a short secret.
func TestAShortSecretIsRefused(t *testing.T) {
	for n, ok := range map[int]bool{1: false, 6: false, 31: false, 32: true, 64: true} {
		short := strings.Repeat("s", n)
		for key, cfg := range map[string]Config{"hmac-secret: ": {HMACSecret: short}, "hmac-secret-previous: ": {HMACSecret: secret, HMACSecretPrevious: short}} {
			_, err := New(cfg, quiet())
			if got := fmt.Sprint(err); (err == nil) != ok || err != nil && (!strings.HasPrefix(got, key+"want 32 bytes or more") || strings.Contains(got, short) && n > 6) {
				t.Errorf("%s%d bytes: got %v", key, n, err)
			}
		}
	}
}

// While the application changes its secret, tokens by both secrets are accepted.
func TestTwoSecretsAreBelieved(t *testing.T) {
	const old = "another secret, by which tokens were made"
	for _, algorithm := range hmacAlgorithms {
		for key, want := range map[string]error{secret: nil, old: nil, "a third secret, of nobody in particular": ErrInvalid} {
			token := signed(algorithm, []byte(key), nil, object{"sub": "42", "channel": ""})
			if _, err := verifier(t, Config{HMACSecret: secret, HMACSecretPrevious: old}).Subscribe(signed(algorithm, []byte(key), nil, object{"channel": "a"}), now); (err == nil) != (want == nil) {
				t.Errorf("%s by %q: got %v, want %v", algorithm, key, err, want)
			}
			_, err := verifier(t, Config{HMACSecret: secret, HMACSecretPrevious: old}).Connect(signed(algorithm, []byte(key), nil, object{"sub": "42"}), now)
			if (err == nil) != (want == nil) {
				t.Errorf("%s by %q: got %v, want %v", algorithm, key, err, want)
			}
			if _, err := verifier(t, Config{HMACSecret: secret}).Connect(token, now); key == old && err == nil {
				t.Error("the old secret is accepted after it was removed from the configuration")
			}
		}
	}
}

func TestExpIsRequiredWhenConfigured(t *testing.T) {
	v := verifier(t, Config{HMACSecret: secret, RequireExp: true})
	later := now.Add(time.Hour).Unix()
	for _, test := range []struct {
		claims object
		want   error
	}{
		{object{"exp": later}, nil},
		{object{"exp": later, "expire_at": 0}, nil},
		{object{}, ErrInvalid},
		{object{"exp": nil}, ErrInvalid},
		{object{"Exp": later}, ErrInvalid},
		{object{"expire_at": later}, ErrInvalid},
		{object{"exp": now.Unix() - 1}, ErrExpired},
	} {
		_, err := v.Connect(good("HS256", test.claims), now)
		test.claims["channel"] = "a"
		_, subErr := v.Subscribe(good("HS256", test.claims), now)
		if !errors.Is(err, test.want) || !errors.Is(subErr, test.want) {
			t.Errorf("%v: got %v and %v, want %v", test.claims, err, subErr, test.want)
		}
	}
	if token, err := v.Guest("Gus", "", now, time.Minute); err != nil {
		t.Error(err)
	} else if _, err := v.Connect(token, now); err != nil {
		t.Errorf("a guest: %v", err)
	}
}

// Slow reports a slow algorithm before the verification, if there is a key of it.
func TestSlowTokensAreKnownBefore(t *testing.T) {
	v, quick := verifier(t, config()), verifier(t, Config{HMACSecret: secret, PublicKeys: []string{pemOf(&ours().ecdsa.PublicKey)}})
	byset := verifier(t, Config{JWKSURL: setURL})
	keys, _, err := parseSet(jwks(jwk(&ours().p521.PublicKey, nil)))
	if err != nil {
		t.Fatal(err)
	}
	byset.rules.Load().set.fetched.Store(&keySet{at: now, keys: keys})
	for _, algorithm := range algorithms {
		token, want := good(algorithm, object{"sub": "42"}), algorithm == "ES384" || algorithm == "ES512"
		if v.Slow(token) != want || byset.Slow(token) != want || quick.Slow(token) {
			t.Errorf("%s: got %v, %v, and %v without a key that is slow", algorithm, v.Slow(token), byset.Slow(token), quick.Slow(token))
		}
	}
	head := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) + ".e30." }
	for text, want := range map[string]bool{
		head(`{"alg":"HS256","alg":"ES512"}`): true,
		head(`{"alg":"ES512","alg":"HS256"}`): false,
		head(`{"\u0061lg":"ES384"}`):          true,
		head(`{"Alg":"ES384"}`):               false,
		head(`{"alg":["ES384"]}`):             false,
		head(`["ES384"]`):                     false,
		"":                                    false,
		"?.?.?":                               false,
		head(`{"alg":"ES384"}`) + strings.Repeat("x", maxToken): false,
	} {
		if got := v.Slow(text); got != want {
			t.Errorf("%.60s: got %v, want %v", text, got, want)
		}
	}
}

// While the application changes its key, tokens by both keys are accepted.
func TestSeveralKeysOfOneKind(t *testing.T) {
	old, new := theirs(), ours()
	for i := range old.public() {
		v := verifier(t, Config{PublicKeys: []string{pemOf(old.public()[i]), pemOf(new.public()[i])}})
		algorithm := []string{"RS256", "ES256", "EdDSA", "ES384", "ES512"}[i]
		for _, pair := range []keyPairs{old, new} {
			for _, header := range []object{nil, {"kid": "2026-10"}, {"kid": 7}} {
				if _, err := v.Connect(signed(algorithm, pair.signer(algorithm, ""), header, object{}), now); err != nil {
					t.Errorf("%s with %v: %v", algorithm, header, err)
				}
			}
		}
	}
}

func TestGuests(t *testing.T) {
	for _, cfg := range []Config{{}, config(), {HMACSecret: secret, Issuer: "i", Audience: "a"}, {JWKSURL: "https://example.com/keys"}} {
		v := verifier(t, cfg)
		token, err := v.Guest(`Ünal <"b">`, "", now, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		c, err := v.Connect(token, now)
		if err != nil || !c.Guest || !strings.HasPrefix(c.User, "guest:") || len(c.User) < 20 || !c.Expires.Equal(now.Add(time.Minute)) ||
			!c.IssuedAt.Equal(now) || c.ID == "" || string(c.Info) != `{"name":"Ünal \u003c\"b\"\u003e"}` {
			t.Errorf("got %+v, %v", c, err)
		}
		again, err := v.Guest("Ünal", c.User, now, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := v.Connect(again, now); err != nil || d.User != c.User || d.ID == c.ID {
			t.Errorf("again: got %+v, %v", d, err)
		}
		_, err = v.Connect(token, now.Add(time.Minute))
		expectError(t, token, err, ErrExpired)
		_, err = v.Subscribe(token, now)
		expectError(t, token, err, ErrInvalid)
		other := verifier(t, cfg)
		_, err = other.Connect(token, now)
		expectError(t, token, err, ErrInvalid)
		if second, err := v.Guest("x", "", now, time.Minute); err != nil {
			t.Error(err)
		} else if d, err := v.Connect(second, now); err != nil || d.User == c.User {
			t.Errorf("a second guest is %+v, %v", d, err)
		}
	}
	v := verifier(t, Config{})
	for _, algorithm := range hmacAlgorithms { // the guest key verifies HS256 only
		key := (*v.guestKeys.Load())[0]
		token := signed(algorithm, key.Secret, object{"kid": guestKid + key.ID}, object{"sub": "guest:A"})
		if _, err := v.Connect(token, now); algorithm == guestAlgorithm && err != nil {
			t.Error(err)
		} else if algorithm != guestAlgorithm {
			expectError(t, token, err, ErrInvalid)
		}
	}
	for _, name := range []string{"", " ", "\t", "a\nb", "a\x00", "a\x7f", "\xff", strings.Repeat("a", 65), strings.Repeat("é", 33)} {
		if _, err := v.Guest(name, "", now, time.Minute); err == nil {
			t.Errorf("name %q is allowed", name)
		}
	}
	for _, user := range []string{"42", "Guest:1", " guest:1", "guest:" + strings.Repeat("x", maxToken)} {
		if _, err := v.Guest("a", user, now, time.Minute); err == nil {
			t.Errorf("user %.20q is allowed", user)
		}
	}
	if _, err := v.Guest("a", "", now, time.Second-1); err == nil {
		t.Error("a lifetime below a second is allowed")
	}
	if longest, err := v.Guest(strings.Repeat("\"", 64), "", now, time.Minute); err != nil || len(longest) > maxToken {
		t.Errorf("the longest name: %d bytes, %v", len(longest), err)
	}
}

// New keys and rules hold from the next token on. A change that is not valid changes nothing.
func TestKeysAreReplaced(t *testing.T) {
	t.Parallel()
	before, after := strings.Repeat("a", 32), strings.Repeat("b", 32)
	v := verifier(t, Config{HMACSecret: before})
	now := time.Now()
	guest, err := v.Guest("Ann", "", now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	accepts := func(secret string) bool {
		_, err := v.Connect(signed("HS256", []byte(secret), nil, object{"sub": "ann", "exp": now.Add(time.Minute).Unix()}), now)
		return err == nil
	}
	if _, err := v.Prepare(Config{HMACSecret: "short", Issuer: "https://a.example"}); err == nil || !accepts(before) {
		t.Fatalf("got %v, want an error and the keys from before", err)
	}
	use, err := v.Prepare(Config{HMACSecret: after, HMACSecretPrevious: before})
	if err != nil || accepts(after) {
		t.Fatalf("got %v; the new key is in use before its time: %t", err, accepts(after))
	}
	use()
	if !accepts(before) || !accepts(after) {
		t.Error("want both secrets accepted")
	}
	if use, err = v.Prepare(Config{HMACSecret: after, Issuer: "https://a.example"}); err != nil {
		t.Fatal(err)
	}
	use()
	if accepts(before) || accepts(after) { // without "iss"
		t.Error("want no token without the issuer accepted")
	}
	if _, err := v.Connect(guest, now); err != nil {
		t.Errorf("guest token: %v", err)
	}
	if use, err = v.Prepare(Config{}); err != nil {
		t.Fatal(err)
	}
	if use(); v.Enabled() {
		t.Error("want no keys")
	}
}

// Run fetches the keys of a jwks-url that replaces another, or none, and keeps those of the same one.
func TestTheURLOfKeysIsReplaced(t *testing.T) {
	t.Parallel()
	keys := newKeyPairs()
	served := func(public any) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(jwks(jwk(public, nil))) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	v := verifier(t, Config{})
	running(t, v)
	for range 2 {
		for _, algorithm := range []string{"ES256", "EdDSA"} {
			signer := keys.signer(algorithm, "")
			public := signer.(crypto.Signer).Public()
			cfg := Config{JWKSURL: served(public)}
			for range 2 { // the second time with the same URL, whose keys stay
				use, err := v.Prepare(cfg)
				if err != nil {
					t.Fatal(err)
				}
				use()
				set := v.rules.Load().set
				testkit.Eventually(t, "the keys", func() bool { return set.fetched.Load() != nil })
			}
			now := time.Now()
			if _, err := v.Connect(signed(algorithm, signer, nil, object{"sub": "ann"}), now); err != nil {
				t.Errorf("%s: %v", algorithm, err)
			}
		}
	}
}
