package tlsrec

import (
	"bytes"
	"crypto/cipher"
	"crypto/tls"
	"errors"
	"testing"
)

// keysOf are secrets for a suite, the same at each call.
func keysOf(s *suite) *Keys {
	secret := func(fill byte, n int) []byte { return bytes.Repeat([]byte{fill}, n) }
	k := &Keys{Version: s.version, Suite: s.id}
	if s.is13() {
		k.ClientSecret, k.ServerSecret = secret(1, s.hash().Size()), secret(2, s.hash().Size())
	} else {
		k.Master, k.ClientRandom, k.ServerRandom = secret(3, 48), secret(4, 32), secret(5, 32)
		k.ClientSeq, k.ServerSeq = 1, 1
	}
	return k
}

func pair(t testing.TB, s *suite) (server, client *Conn) {
	t.Helper()
	server, err := New(keysOf(s), false)
	if err != nil {
		t.Fatal(err)
	}
	if client, err = New(keysOf(s), true); err != nil {
		t.Fatal(err)
	}
	return server, client
}

func eachSuite(t *testing.T, f func(t *testing.T, s *suite)) {
	for i := range suites {
		t.Run(tls.CipherSuiteName(suites[i].id), func(t *testing.T) {
			t.Parallel()
			f(t, &suites[i])
		})
	}
}

const aes13 = 0 // index of TLS_AES_128_GCM_SHA256

func mustSeal(t testing.TB, o *Out, b string) []byte {
	t.Helper()
	sealed, err := o.Seal(nil, []byte(b))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// openAll opens the records of src, and returns the data and the kinds of the records but Data and More.
func openAll(in *In, src []byte) (data string, kinds []Kind, err error) {
	for {
		r, rest, err := in.Open(src)
		if err != nil {
			return data, kinds, err
		}
		src = rest
		switch r.Kind {
		case More:
			return data, kinds, nil
		case Data:
			data += string(r.Data)
		default:
			kinds = append(kinds, r.Kind)
			if r.Kind == Closed {
				return data, kinds, nil
			}
		}
	}
}

func TestWhatIsSealedIsOpened(t *testing.T) {
	t.Parallel()
	eachSuite(t, func(t *testing.T, s *suite) {
		server, client := pair(t, s)
		for _, n := range []int{1, 2, 15, 16, 17, 125, 4096, MaxPlaintext - 1, MaxPlaintext, MaxPlaintext + 1, 3*MaxPlaintext + 5} {
			for _, way := range []struct{ from, to *Conn }{{server, client}, {client, server}} {
				want := string(bytes.Repeat([]byte{byte(n)}, n))
				sealed := mustSeal(t, &way.from.Out, want)
				if len(sealed) > SealedLen(n) {
					t.Fatalf("%d bytes make %d, more than SealedLen says: %d", n, len(sealed), SealedLen(n))
				}
				got, kinds, err := openAll(&way.to.In, sealed)
				if got != want || len(kinds) > 0 || err != nil {
					t.Fatalf("%d bytes: got %d, kinds %v, error %v", n, len(got), kinds, err)
				}
			}
		}
	})
}

func TestRecordsMayBeCutAtEveryByte(t *testing.T) {
	t.Parallel()
	eachSuite(t, func(t *testing.T, s *suite) {
		_, client := pair(t, s)
		all := mustSeal(t, &client.Out, "one")
		all = append(all, mustSeal(t, &client.Out, "two, which is longer")...)
		if s.is13() {
			all = client.Out.KeyUpdate(all)
		}
		all = append(all, mustSeal(t, &client.Out, "three")...)
		const want = "onetwo, which is longerthree"
		for first := range len(all) {
			for _, second := range []int{first, min(first+1, len(all)), (first + len(all)) / 2} {
				server, _ := pair(t, s)
				var got string
				for _, part := range [][]byte{all[:first], all[first:second], all[second:]} {
					data, _, err := openAll(&server.In, bytes.Clone(part))
					if err != nil {
						t.Fatalf("cut at %d and %d: %v", first, second, err)
					}
					got += data
				}
				if got != want {
					t.Fatalf("cut at %d and %d: got %q", first, second, got)
				}
				if n := server.In.Held(); n != 0 {
					t.Fatalf("cut at %d and %d: %d bytes held for no record", first, second, n)
				}
			}
		}
	})
}

func TestBytesOneByOne(t *testing.T) {
	t.Parallel()
	server, client := pair(t, &suites[aes13])
	want := string(bytes.Repeat([]byte("0123456789"), 2000))
	var got string
	for _, b := range mustSeal(t, &client.Out, want) {
		data, _, err := openAll(&server.In, []byte{b})
		if err != nil {
			t.Fatal(err)
		}
		got += data
		if n := server.In.Held(); n > 2*(maxCiphertext+headerLen) {
			t.Fatalf("%d bytes held", n)
		}
	}
	if got != want {
		t.Fatalf("got %d bytes: want %d", len(got), len(want))
	}
}

func TestCloseNotifyEndsADirection(t *testing.T) {
	t.Parallel()
	eachSuite(t, func(t *testing.T, s *suite) {
		server, client := pair(t, s)
		sealed := client.Out.Close(mustSeal(t, &client.Out, "bye"), nil)
		if again := client.Out.Close(nil, nil); len(again) > 0 {
			t.Error("a second close_notify")
		}
		if got, err := client.Out.Seal(nil, []byte("x")); len(got) > 0 || err == nil {
			t.Errorf("sealed behind close_notify: %d bytes, %v", len(got), err)
		}
		if got := client.Out.KeyUpdate(nil); len(got) > 0 {
			t.Error("a KeyUpdate behind close_notify")
		}
		data, kinds, err := openAll(&server.In, sealed)
		if data != "bye" || len(kinds) != 1 || kinds[0] != Closed || err != nil {
			t.Errorf("got %q, %v, %v", data, kinds, err)
		}
		if data, _, _ := openAll(&client.In, mustSeal(t, &server.Out, "the other direction goes on")); data == "" {
			t.Error("the other direction has ended")
		}
	})
}

func TestAFatalAlertOfThePeerIsNotAnswered(t *testing.T) {
	t.Parallel()
	server, client := pair(t, &suites[aes13])
	_, _, err := openAll(&server.In, client.Out.Close(nil, errBadMAC))
	var got *Error
	if !errors.As(err, &got) || !got.Received || got.Alert != alertBadRecordMAC {
		t.Fatalf("got %v", err)
	}
	if answer := server.Out.Close(nil, err); len(answer) > 0 {
		t.Error("an alert for an alert")
	}
	if _, err := server.Out.Seal(nil, []byte("x")); err == nil {
		t.Error("sealed behind a fatal alert of the peer")
	}
}

// nonces records the nonces of an AEAD.
type nonces struct {
	cipher.AEAD
	seen map[string]bool
	t    *testing.T
}

func (n *nonces) Seal(dst, nonce, plain, data []byte) []byte {
	if n.seen[string(nonce)] {
		n.t.Errorf("nonce %x is used again", nonce)
	}
	n.seen[string(nonce)] = true
	return n.AEAD.Seal(dst, nonce, plain, data)
}

func TestANonceIsUsedOnce(t *testing.T) {
	t.Parallel()
	eachSuite(t, func(t *testing.T, s *suite) {
		server, _ := pair(t, s)
		iv := server.Out.iv
		seen := &nonces{server.Out.cipher(), map[string]bool{}, t}
		server.Out.aead = seen
		for i := range 1000 {
			mustSeal(t, &server.Out, "x")
			if i%100 == 0 {
				mustSeal(t, &server.Out, string(make([]byte, 2*MaxPlaintext)))
			}
		}
		server.Out.seal(nil, typeAlert, []byte{1, 90})
		if server.Out.Close(nil, nil); len(seen.seen) != 1022 {
			t.Errorf("%d nonces: want 1022", len(seen.seen))
		}
		if server.Out.iv != iv {
			t.Error("the IV has changed")
		}
	})
}

func TestAParkedDirectionGoesOn(t *testing.T) {
	t.Parallel()
	eachSuite(t, func(t *testing.T, s *suite) {
		server, client := pair(t, s)
		for range 3 {
			if data, _, err := openAll(&client.In, mustSeal(t, &server.Out, "x")); data != "x" || err != nil {
				t.Fatal(data, err)
			}
			server.Out.Park()
			client.In.Park()
			if parked := server.Out.aead == nil && client.In.aead == nil; parked != s.gcm {
				t.Fatalf("parked: %v", parked)
			}
		}
	})
}

func TestSealedRecordsOfAHandshakeAreCounted(t *testing.T) {
	t.Parallel()
	for i := range 3 {
		k := keysOf(&suites[i])
		server, err := New(k, false)
		if err != nil {
			t.Fatal(err)
		}
		other := bytes.Repeat([]byte{9}, 60)
		copy(other, []byte{typeData, 3, 3, 0, 55})
		for want, record := range [][]byte{other, server.Out.seal(nil, typeHandshake, []byte("one")), server.Out.seal(nil, typeHandshake, []byte("two"))} {
			if got, err := CountSealed(k, record); got != uint64(want) || err != nil {
				t.Errorf("%s: got %d, %v: want %d", tls.CipherSuiteName(k.Suite), got, err, want)
			}
		}
	}
	if n, err := CountSealed(keysOf(&suites[aes13]), nil); n != 0 || err != nil {
		t.Errorf("no record: got %d, %v", n, err)
	}
	if _, err := CountSealed(keysOf(&suites[3]), nil); err == nil {
		t.Error("TLS 1.2: no error")
	}
}
