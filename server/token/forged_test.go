package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

func base64Of(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// resign appends a valid HS256 signature by the configured secret to a header and claims.
func resign(text string) string { return text + "." + base64Of(string(hs256(text, []byte(secret)))) }

func hs256(text string, key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// An RSA key that crypto/rsa does not generate, because it is too short.
var weakRSA = func() string {
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return pemOf(&k.PublicKey)
}()

func p224() *ecdsa.PublicKey {
	k, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return &k.PublicKey
}

// forgeries returns tokens that must be rejected: signed without a valid key, or with a valid key and invalid content.
func forgeries() map[string]string {
	list := make(map[string]string)
	add := func(token, format string, args ...any) { list[fmt.Sprintf(format, args...)] = token }
	claims := object{"sub": "root", "exp": now.Unix() + 3600}
	payload := encode(claims)
	mine, evil := ours(), theirs()

	// No algorithm, or an unsupported one; unsigned, and signed with the valid secret.
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", nil, 7, []string{"HS256"}, "hs256", "HS256 ", "HS1", "HS128", "RSA1_5", "dir", "ES256K", "Ed25519"} {
		text := encode(object{"alg": alg}) + "." + payload
		add(text+".", "alg %v, unsigned", alg)
		add(resign(text), "alg %v, signed with the secret", alg)
	}
	add(encode(object{"typ": "JWT"})+"."+payload+".", "no alg")
	add(resign(encode(object{"typ": "JWT"})+"."+payload), "no alg, signed with the secret")
	add(resign(encode(object{"ALG": "HS256"})+"."+payload), "ALG")

	// HMAC with public data as the secret: the public keys in every form.
	for i, public := range mine.public() {
		known := map[string][]byte{"PEM": []byte(pemOf(public)), "trimmed PEM": []byte(strings.TrimSpace(pemOf(public))), "DER": der(public)}
		switch p := public.(type) {
		case *rsa.PublicKey:
			known["modulus"] = p.N.Bytes()
			known["PKCS 1"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(p)})
		case ed25519.PublicKey:
			known["bytes"] = p
		}
		for form, key := range known {
			for _, algorithm := range hmacAlgorithms {
				add(signed(algorithm, key, nil, claims), "%s by the %s of public key %d", algorithm, form, i)
				add(signed(algorithm, key, object{"kid": "1"}, claims), "%s by the %s of public key %d, kid 1", algorithm, form, i)
			}
		}
	}
	for _, algorithm := range hmacAlgorithms {
		for _, key := range []string{"", "\x00", "S" + secret[1:], secret + "\n", secret + "\x00", secret[:32], "throng", guestKid} {
			if key == secret+"\x00" {
				continue // HMAC pads a short key with zeros: this is the same key
			}
			add(signed(algorithm, []byte(key), nil, claims), "%s by the secret %q", algorithm, key)
		}
	}

	for _, algorithm := range algorithms {
		right := mine.signer(algorithm, secret)
		wrong := evil.signer(algorithm, "another")
		token := signed(algorithm, right, nil, claims)
		last := strings.LastIndexByte(token, '.')
		body, signature := token[:last+1], token[last+1:]
		raw, _ := base64.RawURLEncoding.DecodeString(signature)
		add(signed(algorithm, wrong, nil, claims), "%s by another key", algorithm)
		add(body, "%s without a signature", algorithm)
		add(body+base64Of(strings.Repeat("\x00", len(raw))), "%s with a signature of zeros", algorithm)
		add(body+base64Of(string(raw[:len(raw)-1])), "%s with a signature cut short", algorithm)
		add(body+base64Of(string(raw)+"\x00"), "%s with a signature too long", algorithm)
		flipped := append([]byte(nil), raw...)
		flipped[len(raw)/2] ^= 1
		add(body+base64Of(string(flipped)), "%s with a bit changed", algorithm)
		add(encode(object{"alg": algorithm})+"."+encode(object{"sub": "42"})+"."+signature, "%s of other claims", algorithm)
		add(token+"=", "%s with padding", algorithm)
		add(token+"\n", "%s with a line break", algorithm)
		add(body+signature[:4]+"\r\n"+signature[4:], "%s with a line break inside", algorithm)
		add(token+".", "%s with a fourth part", algorithm)
		add(" "+token, "%s after a space", algorithm)
		for _, other := range append([]string{"none", "PS256", "ES384", "ES512"}, algorithms...) {
			if other != algorithm {
				add(encode(object{"alg": other})+"."+payload+"."+signature, "%s's signature as %s", algorithm, other)
			}
		}
		// Header parameters that contain or name a key of the attacker, and invalid ones.
		der := base64.StdEncoding.EncodeToString([]byte("certificate"))
		for _, header := range []object{
			{"jku": "http://127.0.0.1/jwks.json"}, {"x5u": "http://127.0.0.1/cert.pem"}, {"x5c": []string{der}}, {"kid": "1"}, {"kid": "../../../../dev/null"},
			{"kid": "' OR 1=1 --"}, {"kid": ""}, {"kid": guestKid}, {"kid": "http://127.0.0.1/{{sub}}"}, {"kid": strings.Repeat("k", 500)},
		} {
			add(signed(algorithm, wrong, header, claims), "%s by another key with %v", algorithm, header)
		}
		if algorithm[0] != 'H' {
			public := wrong.(crypto.Signer).Public()
			add(signed(algorithm, wrong, object{"jwk": jwk(public, nil)}, claims), "%s with its jwk (CVE-2018-0114)", algorithm)
			add(signed(algorithm, wrong, object{"jwk": jwk(public, object{"kid": "1"}), "kid": "1"}, claims), "%s with its jwk and kid", algorithm)
		} else {
			add(signed(algorithm, wrong, object{"jwk": object{"kty": "oct", "k": base64Of("another")}}, claims), "%s with its jwk", algorithm)
		}
		// Validly signed, with content that must be rejected.
		for _, header := range []object{{"crit": []string{"exp"}}, {"crit": []string{"b64"}, "b64": false}, {"crit": nil}, {"crit": []string{}}} {
			add(signed(algorithm, right, header, claims), "%s with %v", algorithm, header)
		}
		add(signed(algorithm, right, object{"kid": guestKid}, claims), "%s of ours under the guests' kid", algorithm)
		add(signed(algorithm, right, nil, object{"sub": "guest:ADMIN"}), "%s for a guest", algorithm)
		add(signed(algorithm, right, nil, object{"channel": "room", "sub": "root"}), "%s for a subscription", algorithm)
	}

	// ES256: zero for r or s (CVE-2022-21449), and ASN.1 instead of two numbers.
	text := encode(object{"alg": "ES256"}) + "." + payload
	n := elliptic.P256().Params().N.Bytes()
	zero := make([]byte, 32)
	for i, rs := range [][]byte{append(zero, n...), append(n, zero...), append(n, n...)} {
		add(text+"."+base64Of(string(rs)), "ES256 with r and s out of range, %d", i)
	}
	digest := sha256.Sum256([]byte(text))
	if asn1, err := ecdsa.SignASN1(rand.Reader, mine.ecdsa, digest[:]); err == nil {
		add(text+"."+base64Of(string(asn1)), "ES256 in ASN.1")
	}
	// RSA with PSS padding under the name of PKCS #1 v1.5.
	text = encode(object{"alg": "RS256"}) + "." + payload
	digest = sha256.Sum256([]byte(text))
	if pss, err := rsa.SignPSS(rand.Reader, mine.rsa, crypto.SHA256, digest[:], nil); err == nil {
		add(text+"."+base64Of(string(pss)), "PSS as RS256")
	}
	// Texts that are not tokens.
	for _, token := range []string{"", ".", "..", "...", "invalid_token", "a.b", "a.b.c", "a.b.c.d", strings.Repeat("a", maxToken+1), `{"payload":"e30","signature":""}`} {
		add(token, "no token: %.20q", token)
	}
	return list
}

func TestCVE_2015_9235_AlgorithmConfusion(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(jwks(jwk(&ours().rsa.PublicKey, object{"kid": "1"}), jwk(&ours().ecdsa.PublicKey, object{"kid": "1"})))
	}))
	defer server.Close()
	cfgs := map[string]Config{"all": config(), "secret": {HMACSecret: secret}, "public keys": {PublicKeys: config().PublicKeys},
		"set": {JWKSURL: server.URL}, "both": config(), "none": {}}
	both := cfgs["both"]
	both.JWKSURL = server.URL
	cfgs["both"] = both
	list := forgeries()
	if len(list) < 60 {
		t.Fatalf("%d forged tokens are too few", len(list))
	}
	for of, cfg := range cfgs {
		v := verifier(t, cfg)
		at := now
		if v.rules.Load().set != nil {
			if err := v.rules.Load().set.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			v.rules.Load().set.fetched.Store(&keySet{at: now, keys: v.rules.Load().set.keys()})
		}
		for name, token := range list {
			if c, err := v.Connect(token, at); err == nil {
				t.Errorf("%s: %s is accepted: %+v", of, name, c)
			} else {
				expectError(t, token, err, ErrInvalid)
			}
			if !strings.HasSuffix(name, "for a subscription") {
				_, err := v.Subscribe(token, at)
				expectError(t, token, err, ErrInvalid)
			}
		}
	}
	t.Logf("%d forged tokens, %d verifiers", len(list), len(cfgs))
}

// A token has one valid form: unused bits of the last letter of the signature must be zero.
func TestTheSpareBitsOfASignatureAreZero(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	token := good("HS256", object{"sub": "42"})
	at := strings.IndexByte(alphabet, token[len(token)-1])
	other := token[:len(token)-1] + alphabet[at+1:at+2]
	v := verifier(t, config())
	if _, err := v.Connect(token, now); err != nil {
		t.Fatal(err)
	}
	_, err := v.Connect(other, now)
	expectError(t, other, err, ErrInvalid)
}

// The class of CVE-2025-27144 (go-jose).
func TestCVE_2025_30204_Dots(t *testing.T) {
	v := verifier(t, config())
	for _, token := range []string{strings.Repeat(".", 1<<20), strings.Repeat(".", maxToken), strings.Repeat("a", 1<<20), good("HS256", object{"sub": strings.Repeat("x", maxToken)})} {
		_, err := v.Connect(token, now)
		expectError(t, token, err, ErrInvalid)
		if n := testing.AllocsPerRun(10, func() { v.Connect(token, now); v.Subscribe(token, now) }); n != 0 {
			t.Errorf("%d bytes: got %v allocations, want none", len(token), n)
		}
	}
	longest := good("HS256", object{"sub": "42", "pad": strings.Repeat("x", 2985)})
	if _, err := v.Connect(longest, now); err != nil || len(longest) < maxToken-20 {
		t.Errorf("a token of %d bytes: %v", len(longest), err)
	}
}

func TestCVE_2024_51744_ExpiredAndForgedIsForged(t *testing.T) {
	v := verifier(t, config())
	for _, algorithm := range algorithms {
		for _, claims := range []object{{"exp": now.Unix() - 3600}, {"nbf": now.Unix() + 3600}, {"expire_at": now.Unix() - 1}, {"exp": 1, "nbf": now.Unix() + 3600}} {
			token := good(algorithm, claims)
			_, err := v.Connect(token, now)
			expectError(t, token, err, ErrExpired)
			token = signed(algorithm, theirs().signer(algorithm, "another"), nil, claims)
			_, err = v.Connect(token, now)
			expectError(t, token, err, ErrInvalid)
			claims["channel"] = "room"
			token = signed(algorithm, theirs().signer(algorithm, "another"), nil, claims)
			_, err = v.Subscribe(token, now)
			expectError(t, token, err, ErrInvalid)
			delete(claims, "channel")
		}
	}
}

// The content of a token decides neither the address nor the number of requests.
func TestGHSA_j77h_rr39_c552_NoRequestForAToken(t *testing.T) {
	var atTrap, atSet atomic.Int64
	trap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		atTrap.Add(1)
		w.Write(jwks(jwk(&theirs().rsa.PublicKey, object{"kid": "evil"}), jwk(&theirs().ecdsa.PublicKey, object{"kid": "evil"})))
	}))
	defer trap.Close()
	set := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		atSet.Add(1)
		if r.RequestURI != "/keys" || r.Header.Get("Cookie") != "" {
			t.Errorf("got a request for %s", r.RequestURI)
		}
		w.Write(jwks(jwk(&ours().rsa.PublicKey, object{"kid": "1"})))
	}))
	defer set.Close()
	cfg := config()
	cfg.JWKSURL = set.URL + "/keys"
	v, start := verifier(t, cfg), time.Now()
	running(t, v)
	testkit.Eventually(t, "the set", func() bool { return v.rules.Load().set.fetched.Load() != nil })
	late := time.Now().Add(time.Hour) // the set is old then: a token with an unknown key starts a fetch
	accepted := 0
	for i := range 1000 {
		algorithm := []string{"RS256", "ES256", "EdDSA", "HS256"}[i%4]
		url := fmt.Sprintf("%s/%d", trap.URL, i)
		host := strings.TrimPrefix(trap.URL, "http://")
		header := object{"kid": []string{"evil", url, "{{iss}}", "../" + host}[i/4%4], "jku": url, "x5u": url, "iss": url}
		if i%7 == 0 {
			header["jwk"] = object{"kty": "RSA", "n": "AQAB", "e": "AQAB", "x5u": url}
		}
		claims := object{"iss": url, "sub": host, "aud": host, "tenant": host, "jwks_uri": url, "channel": host}
		if i%2 == 0 {
			delete(claims, "channel")
		}
		token := signed(algorithm, theirs().signer(algorithm, "another"), header, claims)
		at := time.Now()
		if i%3 == 0 {
			at = late
		}
		if _, err := v.Connect(token, at); err == nil {
			accepted++
		}
		if _, err := v.Subscribe(token, at); err == nil {
			accepted++
		}
	}
	if accepted != 0 || atTrap.Load() != 0 {
		t.Errorf("got %d tokens accepted and %d requests to their addresses, want none", accepted, atTrap.Load())
	}
	if n, most := atSet.Load(), 1+int64(time.Since(start)/refreshPause); n < 1 || n > most {
		t.Errorf("got %d requests for the set, want 1 to %d: one in %v", n, most, refreshPause)
	}
	// The trap works: a verifier with its address fetches from it.
	cfg.JWKSURL = trap.URL
	if err := verifier(t, cfg).rules.Load().set.refresh(t.Context()); err != nil || atTrap.Load() != 1 {
		t.Errorf("the trap counts no request: %v", err)
	}
}

// The same "kid" of two issuers names two keys.
func TestGHSA_g6vg_wj8f_48cj_SameKidOfTwoIssuers(t *testing.T) {
	pairs := []keyPairs{ours(), theirs()}
	issuers := []string{"https://a.example", "https://b.example"}
	var verifiers []*Verifier
	for i := range pairs {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Write(jwks(jwk(&pairs[i].rsa.PublicKey, object{"kid": "1"}), jwk(&pairs[i].ecdsa.PublicKey, object{"kid": "1"}), jwk(pairs[i].eddsa.Public(), object{"kid": "1"}),
				jwk(&pairs[i].p384.PublicKey, object{"kid": "1"}), jwk(&pairs[i].p521.PublicKey, object{"kid": "1"})))
		}))
		defer server.Close()
		v := verifier(t, Config{JWKSURL: server.URL, Issuer: issuers[i]})
		if err := v.rules.Load().set.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		verifiers = append(verifiers, v)
	}
	at := time.Now()
	for by, pair := range pairs {
		for _, algorithm := range publicAlgorithms {
			for _, issuer := range issuers {
				token := signed(algorithm, pair.signer(algorithm, ""), object{"kid": "1"}, object{"iss": issuer})
				for i, v := range verifiers {
					_, err := v.Connect(token, at)
					if want := by == i && issuer == issuers[i]; want && err != nil {
						t.Errorf("%s of issuer %d: %v", algorithm, i, err)
					} else if !want {
						expectError(t, token, err, ErrInvalid)
					}
				}
			}
		}
	}
	// A configured key and a key of the set with that kid: both verify their own tokens.
	cfg := Config{PublicKeys: []string{pemOf(&theirs().rsa.PublicKey)}}
	v := verifier(t, cfg)
	v.rules.Load().set = verifiers[0].rules.Load().set
	for _, pair := range pairs {
		if _, err := v.Connect(signed("RS256", pair.rsa, object{"kid": "1"}, object{}), at); err != nil {
			t.Error(err)
		}
	}
	token := signed("ES256", theirs().ecdsa, object{"kid": "1"}, object{})
	_, err := v.Connect(token, at)
	expectError(t, token, err, ErrInvalid)
}

func TestGHSA_q926_c743_49qj_NoSwitchSkipsSignatures(t *testing.T) {
	// No setting turns a check off. The only boolean one turns a check on.
	for field := range reflect.TypeFor[Config]().Fields() {
		if kind := field.Type.Kind(); kind != reflect.String && kind != reflect.Slice && field.Name != "RequireExp" {
			t.Errorf("Config.%s is a %v: which check does it turn off?", field.Name, kind)
		}
	}
	// No call parses a token without its signature.
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"ParseUnverified", "UnsafeAllowNone", "SigningMethodNone", "InsecureSkipVerify", "Getenv", "SkipAll"} {
			if strings.Contains(string(source), word) {
				t.Errorf("%s says %s", file, word)
			}
		}
	}
	// Without a key no token is accepted. Without one of the settings, no more tokens are accepted than with it.
	for name, token := range forgeries() {
		_, err := verifier(t, Config{}).Connect(token, now)
		if err == nil {
			t.Errorf("%s is accepted without a key", name)
		}
	}
	for _, algorithm := range algorithms {
		token := good(algorithm, object{"sub": "42"})
		_, err := verifier(t, Config{}).Connect(token, now)
		expectError(t, token, err, ErrInvalid)
		_, err = verifier(t, Config{JWKSURL: "https://example.com/keys"}).Connect(token, now)
		if algorithm[0] == 'H' {
			expectError(t, token, err, ErrInvalid)
		} else {
			expectError(t, token, err, ErrKeysNotLoaded)
		}
	}
}
