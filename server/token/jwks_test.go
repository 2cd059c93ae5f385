package token

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const setURL = "http://localhost/keys"

// A set over a day: not available, fetched, changed, unavailable.
func TestTheSetIsKeptFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := verifier(t, Config{JWKSURL: setURL})
		var answer atomic.Pointer[[]byte]
		start := time.Now()
		var mu sync.Mutex
		var requests []time.Duration // since start
		servePipes(t, v, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			requests = append(requests, time.Since(start))
			mu.Unlock()
			if body := answer.Load(); body != nil {
				w.Write(*body)
				return
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		publish := func(keys ...object) { body := jwks(keys...); answer.Store(&body) }
		token := func(p keyPairs, id string) string {
			return signed("ES256", p.ecdsa, object{"kid": id}, object{"sub": "42"})
		}
		expect := func(token string, want error) {
			t.Helper()
			_, err := v.Connect(token, time.Now())
			if want == nil && err != nil {
				t.Errorf("after %v: %v", time.Since(start), err)
			} else if want != nil {
				expectError(t, token, err, want)
			}
		}
		requestTimes := func() []time.Duration { // since the last call
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			all := requests
			requests = nil
			return all
		}
		until := func(since time.Duration, want ...time.Duration) {
			t.Helper()
			time.Sleep(time.Until(start.Add(since)))
			if got := requestTimes(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("until %v: got requests at %v, want %v", since, got, want)
			}
		}
		old, new := token(ours(), "old"), token(theirs(), "new")

		expect(old, ErrKeysNotLoaded)
		running(t, v)
		until(time.Second, 0)
		expect(old, ErrKeysNotLoaded)
		publish(jwk(&ours().ecdsa.PublicKey, object{"kid": "old"}))
		until(11*time.Second, 10*time.Second)
		expect(old, nil)
		expect(new, ErrInvalid) // the set is one second old: the key does not exist

		// Without tokens of unknown keys: a fetch every five minutes.
		until(11*time.Minute, 310*time.Second, 610*time.Second)

		// The keys change. A token with an unknown key starts a fetch at once, then at most every 10 s.
		expect(old, nil)
		publish(jwk(&ours().ecdsa.PublicKey, object{"kid": "old"}), jwk(&theirs().ecdsa.PublicKey, object{"kid": "new"}))
		expect(new, ErrKeysNotLoaded)
		until(11*time.Minute+time.Second, 660*time.Second)
		expect(new, nil)
		expect(old, nil)
		for range 300 {
			if _, err := v.Connect(token(theirs(), "nobody's"), time.Now()); err != nil {
				t.Fatalf("the right key under another kid, which is a hint only: %v", err)
			}
			forged := signed("RS256", theirs().rsa, object{"kid": fmt.Sprint(time.Now().UnixNano())}, object{})
			for range 10 {
				if _, err := v.Connect(forged, time.Now()); err == nil {
					t.Fatal("a forged token is accepted")
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(20 * time.Second) // until the last fetch has ended
		last, got := 660*time.Second, requestTimes()
		for _, at := range got {
			if at-last < refreshPause {
				t.Errorf("got requests at %v and %v, want 10 s between", last, at)
			}
			last = at
		}
		if n := len(got); n < 3 || n > 4 {
			t.Errorf("got %d requests in 30 s, want 3, or one more after", n)
		}

		// A token with a known kid and an invalid signature starts a fetch as well: the key may have changed.
		forged := signed("ES256", theirs().ecdsa, object{"kid": "old"}, object{})
		publish(jwk(&ours().ecdsa.PublicKey, object{"kid": "old"}))
		until(last+310*time.Second, last+300*time.Second)
		expect(forged, ErrKeysNotLoaded)
		until(last+311*time.Second, last+310*time.Second)
		for range 50 {
			expect(forged, ErrInvalid)
		}
		expect(new, ErrInvalid)

		// Unreachable, then an invalid response: the old set stays.
		answer.Store(nil)
		until(last+611*time.Second, last+610*time.Second)
		until(last+631*time.Second, last+620*time.Second, last+630*time.Second)
		expect(old, nil)
		expect(new, ErrKeysNotLoaded)
		publish()
		until(last+641*time.Second, last+640*time.Second)
		expect(old, nil)
		publish(jwk(&theirs().ecdsa.PublicKey, object{"kid": "new"}))
		until(last+651*time.Second, last+650*time.Second)
		expect(new, nil)
		expect(old, ErrInvalid)
	})
}

// If a key was replaced, with its kid or without one, the new key is fetched before a token by it is rejected as invalid.
func TestAKeyThatChangedIsFetched(t *testing.T) {
	for name, id := range map[string]object{"under its kid": {"kid": "k"}, "without kids": nil} {
		synctest.Test(t, func(t *testing.T) {
			v := verifier(t, Config{JWKSURL: setURL})
			var answer atomic.Pointer[[]byte]
			var requests atomic.Int64
			publish := func(k object) { body := jwks(k); answer.Store(&body) }
			publish(jwk(&theirs().p384.PublicKey, id))
			servePipes(t, v, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				w.Write(*answer.Load())
			})
			running(t, v)
			time.Sleep(refreshPause + time.Second)
			token := signed("ES384", ours().p384, id, object{"sub": "42"})
			publish(jwk(&ours().p384.PublicKey, id))
			_, err := v.Connect(token, time.Now())
			expectError(t, token, err, ErrKeysNotLoaded)
			time.Sleep(time.Second)
			if _, err := v.Connect(token, time.Now()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			// Now the set is new: a token that matches no key is invalid, and starts no fetch.
			token = signed("ES384", theirs().p384, id, object{"sub": "42"})
			for range 100 {
				_, err := v.Connect(token, time.Now())
				expectError(t, token, err, ErrInvalid)
			}
			if got := requests.Load(); got != 2 {
				t.Errorf("%s: got %d requests, want 2", name, got)
			}
		})
	}
}

func TestASlowSetIsGivenUp(t *testing.T) {
	for name, slow := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a byte a second": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(time.Second):
				}
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			v := verifier(t, Config{JWKSURL: setURL})
			servePipes(t, v, slow)
			start := time.Now()
			err := v.rules.Load().set.refresh(t.Context())
			if took := time.Since(start); err == nil || took != fetchTimeout {
				t.Errorf("%s: got %v after %v, want an error after %v", name, err, took, fetchTimeout)
			}
		})
	}
}

func TestAnswersThatAreNoSet(t *testing.T) {
	var followed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		followed.Add(1)
		w.Write(jwks(jwk(&theirs().rsa.PublicKey, nil)))
	}))
	defer elsewhere.Close()
	right := jwks(jwk(&ours().rsa.PublicKey, nil))
	padded := func(n int) []byte { return append(right, strings.Repeat(" ", n-len(right))...) }
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"a set", func(w http.ResponseWriter, _ *http.Request) { w.Write(right) }, ""},
		{"64 KiB", func(w http.ResponseWriter, _ *http.Request) { w.Write(padded(maxSet)) }, ""},
		{"64 KiB and a byte", func(w http.ResponseWriter, _ *http.Request) { w.Write(padded(maxSet + 1)) }, "longer than 64 KiB"},
		{"without end", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write(make([]byte, 4096))
			}
		}, "longer than 64 KiB"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, "want 200, without a redirect"},
		{"a lasting redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusPermanentRedirect)
		}, "want 200"},
		{"404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.Write(right) }, "got status 404"},
		{"HTML", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }, "want a JSON Web Key Set"},
		{"a list", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("[]")) }, "want a JSON Web Key Set"},
		{"null", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("null")) }, "no key of the set"},
		{"no keys", func(w http.ResponseWriter, _ *http.Request) { w.Write(jwks()) }, "no key of the set"},
		{"deep", func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"keys":[` + strings.Repeat("[", 50_000)))
		}, "want a JSON Web Key Set"},
	} {
		server := httptest.NewServer(test.answer)
		err := verifier(t, Config{JWKSURL: server.URL}).rules.Load().set.refresh(t.Context())
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
		server.Close()
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("got %d redirects followed, want none", n)
	}
}

func TestKeysOfASet(t *testing.T) {
	p := ours()
	r, e, d := &p.rsa.PublicKey, &p.ecdsa.PublicKey, p.eddsa.Public()
	for _, test := range []struct {
		name string
		key  object
		want string // the algorithms; none if it is ignored
	}{
		{"RSA", jwk(r, nil), "RS256 RS384 RS512"},
		{"RSA for one", jwk(r, object{"alg": "RS384", "use": "sig", "key_ops": []string{"verify"}}), "RS384"},
		{"P-256", jwk(e, object{"alg": "ES256"}), "ES256"},
		{"Ed25519", jwk(d, object{"alg": "EdDSA"}), "EdDSA"},
		{"Ed25519 by its new name", jwk(d, object{"alg": "Ed25519"}), "EdDSA"},
		{"strange members", jwk(e, object{"x5u": "http://127.0.0.1/", "x5c": []string{"?"}, "x5t": "?", "foo": 1}), "ES256"},
		{"to encrypt", jwk(r, object{"use": "enc"}), ""},
		{"to encrypt by key_ops", jwk(r, object{"key_ops": []string{"encrypt"}}), ""},
		{"RSA as HS256", jwk(r, object{"alg": "HS256"}), ""},
		{"RSA as none", jwk(r, object{"alg": "none"}), ""},
		{"RSA as PS256", jwk(r, object{"alg": "PS256"}), ""},
		{"RSA as ES256", jwk(r, object{"alg": "ES256"}), ""},
		{"P-256 as ES384", jwk(e, object{"alg": "ES384"}), ""},
		{"P-384", jwk(&p.p384.PublicKey, object{"alg": "ES384"}), "ES384"},
		{"P-521", jwk(&p.p521.PublicKey, nil), "ES512"},
		{"P-384 as ES256", jwk(&p.p384.PublicKey, object{"alg": "ES256"}), ""},
		{"P-521 as ES384", jwk(&p.p521.PublicKey, object{"alg": "ES384"}), ""},
		{"P-224", jwk(p224(), nil), ""},
		{"a secret", object{"kty": "oct", "k": base64Of(secret)}, ""},
		{"a secret for HS256", object{"kty": "oct", "alg": "HS256", "k": base64Of(secret)}, ""},
		{"a private key", jwk(e, object{"d": "AQAB"}), ""},
		{"a point off the curve", jwk(e, object{"y": base64Of(strings.Repeat("\x01", 32))}), ""},
		{"an exponent that wraps", jwk(r, object{"e": base64Of("\x01\x00\x00\x00\x00\x00\x01\x00\x01")}), ""},
		{"an exponent of 1", jwk(r, object{"e": base64Of("\x01")}), ""},
		{"a short modulus", jwk(r, object{"n": base64Of(strings.Repeat("\xff", 128))}), ""},
		{"a long modulus", jwk(r, object{"n": base64Of(strings.Repeat("\xff", 1025))}), ""},
		{"no kty", object{"n": "AQAB", "e": "AQAB"}, ""},
		{"kid is a number", jwk(r, object{"kid": 7}), ""},
	} {
		keys, ignored, err := parseSet(jwks(jwk(e, object{"kid": "beside"}), test.key))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if test.want == "" {
			if len(keys) != 1 || len(ignored) != 1 {
				t.Errorf("%s: got %d keys, want it ignored", test.name, len(keys))
			}
		} else if len(keys) != 2 || strings.Join(keys[1].algorithms, " ") != test.want {
			t.Errorf("%s: got %+v, ignored %v, want %s", test.name, keys, ignored, test.want)
		}
	}
	// A key with "alg" verifies no other algorithm.
	v := verifier(t, Config{JWKSURL: setURL})
	only, _, err := parseSet(jwks(jwk(r, object{"alg": "RS384"})))
	if err != nil {
		t.Fatal(err)
	}
	v.rules.Load().set.fetched.Store(&keySet{at: now, keys: only})
	for _, algorithm := range rsaAlgorithms {
		token := good(algorithm, object{"sub": "42"})
		_, err := v.Connect(token, now)
		if algorithm == "RS384" && err != nil {
			t.Error(err)
		} else if algorithm != "RS384" {
			expectError(t, token, err, ErrInvalid)
		}
	}
	// Of keys with the same kid and algorithm, only the first is used.
	keys, _, err := parseSet(jwks(jwk(r, object{"kid": "1"}), jwk(&theirs().rsa.PublicKey, object{"kid": "1", "alg": "RS256"}), jwk(e, object{"kid": "1"}), jwk(e, nil), jwk(&theirs().ecdsa.PublicKey, nil)))
	if err != nil || len(keys) != 4 {
		t.Errorf("got %d keys, %v, want 4", len(keys), err)
	}
}

// With any number of keys, a token costs four signature checks at most, and the key of its kid is among them.
func TestTriesAreBounded(t *testing.T) {
	v := verifier(t, Config{JWKSURL: setURL, PublicKeys: []string{pemOf(theirs().public()[1]), pemOf(theirs().public()[1]), pemOf(theirs().public()[1])}})
	var set []key
	for i := range 20 {
		k, err := publicKey(&theirs().ecdsa.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		k.id = fmt.Sprint(i)
		set = append(set, k)
	}
	set[19].material = &ours().ecdsa.PublicKey
	v.rules.Load().set.fetched.Store(&keySet{at: now, keys: set})
	if _, err := v.Connect(signed("ES256", ours().ecdsa, object{"kid": "19"}, object{}), now); err != nil {
		t.Error(err)
	}
	for _, header := range []object{nil, {"kid": "18"}, {"kid": "x"}} {
		token := signed("ES256", ours().ecdsa, header, object{})
		_, err := v.Connect(token, now)
		expectError(t, token, err, ErrInvalid)
	}
}

func TestAddressesThatAreNotDialled(t *testing.T) {
	for _, test := range []struct {
		address          string
		public, loopback bool
	}{
		{"93.184.216.34:443", true, false},
		{"[2606:4700::1111]:443", true, false},
		{"[64:ff9b::5db8:d822]:443", true, false}, // NAT64 of the first
		{"127.0.0.1:443", false, true},
		{"127.9.9.9:80", false, true},
		{"[::1]:443", false, true},
		{"[::ffff:127.0.0.1]:443", false, true},
		{"0.0.0.0:443", false, false},
		{"[::]:443", false, false},
		{"10.0.0.1:443", false, false},
		{"172.16.0.1:443", false, false},
		{"192.168.1.1:443", false, false},
		{"100.64.0.1:443", false, false},
		{"169.254.169.254:80", false, false}, // metadata service of clouds
		{"[::ffff:169.254.169.254]:80", false, false},
		{"[64:ff9b::a9fe:a9fe]:80", false, false},
		{"[64:ff9b::7f00:1]:80", false, false},
		{"[fd00:ec2::254]:80", false, false},
		{"[fe80::1%eth0]:443", false, false},
		{"[fec0::1]:443", false, false},
		{"[::127.0.0.1]:443", false, false},
		{"[2002:7f00:1::]:443", false, false},
		{"[2001:0:7f00:1::]:443", false, false},
		{"192.0.0.192:443", false, false},
		{"198.18.0.1:443", false, false},
		{"224.0.0.1:443", false, false},
		{"[ff02::1]:443", false, false},
		{"255.255.255.255:443", false, false},
		{"240.0.0.1:443", false, false},
		{"nonsense", false, false},
	} {
		if err := checkAddress(test.address, false); (err == nil) != test.public {
			t.Errorf("%s, for a public URL: got %v", test.address, err)
		}
		if err := checkAddress(test.address, true); (err == nil) != test.loopback {
			t.Errorf("%s, for a URL of this machine: got %v", test.address, err)
		}
	}
	// The dialer checks the address: no request is sent to a private one.
	for _, url := range []string{"https://10.255.255.1/keys", "https://169.254.169.254/keys", "https://[fd00::1]/keys"} {
		if err := verifier(t, Config{JWKSURL: url}).rules.Load().set.refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("%s: got %v", url, err)
		}
	}
}

func TestRunWithoutASetWaitsForItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		running(t, verifier(t, config()))
		time.Sleep(time.Hour)
	})
}
