package tlsrec

import (
	"bytes"
	"crypto/tls"
	"errors"
	"math"
	"testing"
)

// Records that the peer may not send after the handshake, or not more often.
func TestBadRecordsEndTheConnection(t *testing.T) {
	t.Parallel()
	update := func(request byte) []byte { return []byte{keyUpdate, 0, 0, 1, request} }
	ticket := append([]byte{newSessionTicket, 0, 0, 3}, "abc"...)
	for name, c := range map[string]struct {
		suite int
		send  func(o *Out) []byte
		want  *Error
	}{
		"empty handshake record":      {aes13, func(o *Out) []byte { return o.seal(nil, typeHandshake, nil) }, errEmptyHandshake},
		"change_cipher_spec sealed":   {aes13, func(o *Out) []byte { return o.seal(nil, typeChangeCipherSpec, []byte{1}) }, errContentType},
		"change_cipher_spec as it is": {aes13, func(*Out) []byte { return []byte{typeChangeCipherSpec, 3, 3, 0, 1, 1} }, errContentType},
		"unknown content type":        {aes13, func(o *Out) []byte { return o.seal(nil, 99, []byte{1}) }, errContentType},
		"no content type":             {aes13, func(o *Out) []byte { return o.seal(nil, 0, make([]byte, 100)) }, errNoContentType},
		"client hello":                {aes13, func(o *Out) []byte { return o.seal(nil, typeHandshake, []byte{clientHello, 0, 0, 0}) }, errMessage},
		"session ticket of a client":  {aes13, func(o *Out) []byte { return o.seal(nil, typeHandshake, ticket) }, errMessage},
		"update with request 2":       {aes13, func(o *Out) []byte { return o.seal(nil, typeHandshake, update(2)) }, errKeyUpdateRequest},
		"update of two bytes":         {aes13, func(o *Out) []byte { return o.seal(nil, typeHandshake, []byte{keyUpdate, 0, 0, 2, 0, 0}) }, errKeyUpdateLength},
		"two updates in a record":     {aes13, func(o *Out) []byte { return o.seal(nil, typeHandshake, append(update(0), update(0)...)) }, errBehindKeyUpdate},
		"update interrupted by data": {aes13, func(o *Out) []byte {
			return o.seal(o.seal(nil, typeHandshake, update(0)[:3]), typeData, []byte("x"))
		}, errInterleaved},
		"alert of one byte":    {aes13, func(o *Out) []byte { return o.seal(nil, typeAlert, []byte{1}) }, errAlertLength},
		"two alerts":           {aes13, func(o *Out) []byte { return o.seal(nil, typeAlert, []byte{1, 90, 1, 90}) }, errAlertLength},
		"longer than a record": {aes13, func(o *Out) []byte { return o.seal(nil, typeData, make([]byte, MaxPlaintext+1)) }, errOverflow},
		"long header":          {aes13, func(*Out) []byte { return []byte{typeData, 3, 3, 0x41, 1} }, errOverflow},
		"version of TLS 1.0":   {aes13, func(*Out) []byte { return []byte{typeData, 3, 1, 0, 20} }, errVersion},
		"an HTTP request":      {aes13, func(*Out) []byte { return []byte("GET / HTTP/1.1\r\n") }, errVersion},
		"no room for a tag":    {aes13, func(*Out) []byte { return append([]byte{typeData, 3, 3, 0, 15}, make([]byte, 15)...) }, errBadMAC},
		"empty body":           {aes13, func(*Out) []byte { return []byte{typeData, 3, 3, 0, 0} }, errBadMAC},

		"TLS 1.2: no room for a tag":    {3, func(*Out) []byte { return append([]byte{typeData, 3, 3, 0, 23}, make([]byte, 23)...) }, errBadMAC},
		"TLS 1.2: renegotiation":        {3, func(o *Out) []byte { return o.seal(nil, typeHandshake, []byte{clientHello, 0, 0, 0}) }, errRenegotiation},
		"TLS 1.2: key update":           {3, func(o *Out) []byte { return o.seal(nil, typeHandshake, update(0)) }, errMessage},
		"TLS 1.2: hello request":        {3, func(o *Out) []byte { return o.seal(nil, typeHandshake, make([]byte, 4)) }, errMessage},
		"TLS 1.2: empty handshake":      {3, func(o *Out) []byte { return o.seal(nil, typeHandshake, nil) }, errMessage},
		"TLS 1.2: change_cipher_spec":   {3, func(o *Out) []byte { return o.seal(nil, typeChangeCipherSpec, []byte{1}) }, errContentType},
		"TLS 1.2: longer than a record": {3, func(o *Out) []byte { return o.seal(nil, typeData, make([]byte, MaxPlaintext+1)) }, errOverflow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := pair(t, &suites[c.suite])
			_, _, err := openAll(&server.In, c.send(&client.Out))
			if err != error(c.want) {
				t.Fatalf("got %v: want %v", err, c.want)
			}
			if _, _, err := openAll(&server.In, mustSeal(t, &client.Out, "more")); err != error(errEnded) {
				t.Errorf("a record behind it: got %v: want %v", err, errEnded)
			}
			// The client reads the alert.
			sent := server.Out.Close(nil, err)
			_, _, got := openAll(&client.In, sent)
			var alert *Error
			if !errors.As(got, &alert) || !alert.Received || alert.Alert != c.want.Alert {
				t.Errorf("the client reads %v: want alert %v", got, c.want.Alert)
			}
		})
	}
}

func TestAChangedRecordDoesNotAuthenticate(t *testing.T) {
	t.Parallel()
	eachSuite(t, func(t *testing.T, s *suite) {
		_, client := pair(t, s)
		sealed := mustSeal(t, &client.Out, "hello")
		for i := range len(sealed) * 8 {
			server, _ := pair(t, s)
			changed := bytes.Clone(sealed)
			changed[i/8] ^= 1 << (i % 8)
			data, kinds, err := openAll(&server.In, changed)
			if data != "" || len(kinds) > 0 {
				t.Fatalf("bit %d changed: got %q, %v", i, data, kinds)
			}
			if longer := i/8 == 3 || i/8 == 4; err == nil && !longer {
				t.Fatalf("bit %d changed: no error", i)
			}
		}
		server, _ := pair(t, s)
		if _, _, err := openAll(&server.In, bytes.Clone(sealed)); err != nil {
			t.Fatal(err)
		}
		if data, _, err := openAll(&server.In, bytes.Clone(sealed)); err != error(errBadMAC) {
			t.Errorf("the same record again: got %q, %v: want %v", data, err, errBadMAC)
		}
	})
}

func TestAnExhaustedKeySealsAndOpensNothing(t *testing.T) {
	t.Parallel()
	server, client := pair(t, &suites[3])
	server.Out.seq = maxRecords12 - 1
	mustSeal(t, &server.Out, "the last record")
	if got, err := server.Out.Seal([]byte("kept"), []byte("x")); string(got) != "kept" || err != error(errExhausted) {
		t.Errorf("got %q, %v: want %v", got, err, errExhausted)
	}
	if got := server.Out.Close(nil, nil); len(got) == 0 {
		t.Error("the peer is not told that the connection ends")
	}
	sealed := mustSeal(t, &client.Out, "x")
	server.In.seq = math.MaxUint64
	if _, _, err := openAll(&server.In, sealed); err != error(errExhausted) {
		t.Errorf("got %v: want %v", err, errExhausted)
	}
}

func TestKeysThatAreNotUsableAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(k *Keys){
		"suite of another version": func(k *Keys) { k.Version = tls.VersionTLS12 },
		"suite with CBC":           func(k *Keys) { k.Version, k.Suite = tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA },
		"no client secret":         func(k *Keys) { k.ClientSecret = nil },
		"short server secret":      func(k *Keys) { k.ServerSecret = k.ServerSecret[1:] },
		"no master secret":         func(k *Keys) { k.Version, k.Suite = tls.VersionTLS12, suites[3].id },
	} {
		k := keysOf(&suites[aes13])
		change(k)
		if _, err := New(k, false); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
