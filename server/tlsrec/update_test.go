package tlsrec

import (
	"bytes"
	"testing"
)

// CVE-2026-56862: KeyUpdates, and other records without application data, in a row without end.
func TestCVE202656862RecordsWithoutDataAreBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		suite int
		send  func(o *Out) []byte
	}{
		"KeyUpdates":          {aes13, func(o *Out) []byte { return o.KeyUpdate(nil) }},
		"empty records":       {aes13, func(o *Out) []byte { return o.seal(nil, typeData, nil) }},
		"padding":             {aes13, func(o *Out) []byte { return o.seal(nil, 0, append([]byte{typeData}, make([]byte, 50)...)) }},
		"user_canceled":       {aes13, func(o *Out) []byte { return o.seal(nil, typeAlert, []byte{1, 90}) }},
		"parts of a message":  {aes13, nil},
		"TLS 1.2 empty":       {3, func(o *Out) []byte { return o.seal(nil, typeData, nil) }},
		"TLS 1.2 warnings":    {3, func(o *Out) []byte { return o.seal(nil, typeAlert, []byte{1, 90}) }},
		"TLS 1.2 ChaCha20":    {7, func(o *Out) []byte { return o.seal(nil, typeData, nil) }},
		"TLS 1.3 ChaCha20":    {2, func(o *Out) []byte { return o.KeyUpdate(nil) }},
		"AES-256, KeyUpdates": {1, func(o *Out) []byte { return o.KeyUpdate(nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := pair(t, &suites[c.suite])
			send := c.send
			if send == nil { // a message that never ends: each record is a whole session ticket, for the client
				server, client = client, server
				send = func(o *Out) []byte { return o.seal(nil, typeHandshake, []byte{newSessionTicket, 0, 0, 1, 9}) }
			}
			for round := range 3 { // application data begins a new row
				for i := range MaxUseless {
					if _, _, err := openAll(&server.In, send(&client.Out)); err != nil {
						t.Fatalf("round %d, record %d: %v", round, i, err)
					}
				}
				for range RecordsPerUpdate * MaxUpdates {
					if data, _, err := openAll(&server.In, mustSeal(t, &client.Out, "x")); data != "x" || err != nil {
						t.Fatalf("round %d: data: %q, %v", round, data, err)
					}
				}
			}
			n := 0
			var err error
			for ; err == nil && n < 20_000; n++ {
				_, _, err = openAll(&server.In, send(&client.Out))
			}
			if n != MaxUseless+1 {
				t.Errorf("the connection ended at record %d: want %d", n, MaxUseless+1)
			}
		})
	}
}

func TestKeyUpdatesHaveToBePaidFor(t *testing.T) {
	t.Parallel()
	server, client := pair(t, &suites[aes13])
	step := func(update bool) error {
		sealed := mustSeal(t, &client.Out, "x")
		if update {
			sealed = client.Out.KeyUpdate(sealed)
		}
		_, _, err := openAll(&server.In, sealed)
		return err
	}
	n := 0
	for ; n < 10*MaxUpdates && step(true) == nil; n++ {
	}
	if n != MaxUpdates {
		t.Errorf("a record of data and an update in turn: the connection ended at update %d: want %d", n+1, MaxUpdates+1)
	}
	server, client = pair(t, &suites[aes13])
	for i := range 1000 * RecordsPerUpdate {
		if err := step(i%RecordsPerUpdate == 0); err != nil {
			t.Fatalf("an update in %d records of data: record %d: %v", RecordsPerUpdate, i, err)
		}
	}
}

func TestAKeyUpdateIsAnsweredWhereThePeerWantsIt(t *testing.T) {
	t.Parallel()
	for i := range 3 {
		server, client := pair(t, &suites[i])
		for range 5 {
			ask := client.Out.seal(nil, typeHandshake, []byte{keyUpdate, 0, 0, 1, 1})
			client.Out.update()
			_, kinds, err := openAll(&server.In, append(ask, mustSeal(t, &client.Out, "under the new key")...))
			if err != nil || len(kinds) != 1 || kinds[0] != UpdateRequested {
				t.Fatalf("got %v, %v", kinds, err)
			}
			answer := server.Out.KeyUpdate(nil)
			answer = append(answer, mustSeal(t, &server.Out, "mine")...)
			data, kinds, err := openAll(&client.In, answer)
			if data != "mine" || err != nil || len(kinds) != 1 || kinds[0] != Ignored {
				t.Fatalf("the answer: got %q, %v, %v", data, kinds, err)
			}
		}
	}
}

func TestAKeyUpdateMayBeCutIntoRecords(t *testing.T) {
	t.Parallel()
	server, client := pair(t, &suites[aes13])
	message := []byte{keyUpdate, 0, 0, 1, 1}
	var sealed []byte
	for _, b := range message {
		sealed = client.Out.seal(sealed, typeHandshake, []byte{b})
	}
	client.Out.update()
	sealed = append(sealed, mustSeal(t, &client.Out, "x")...)
	data, kinds, err := openAll(&server.In, sealed)
	if err != nil || data != "x" || len(kinds) != 5 || kinds[4] != UpdateRequested {
		t.Fatalf("got %q, %v, %v: want x, and UpdateRequested last of five", data, kinds, err)
	}
}

func TestAClientSkipsSessionTickets(t *testing.T) {
	t.Parallel()
	server, client := pair(t, &suites[aes13])
	ticket := append([]byte{newSessionTicket, 0, 4, 0}, make([]byte, 1024)...)
	two := append(bytes.Clone(ticket), ticket...)
	sealed := server.Out.seal(nil, typeHandshake, two[:700])
	sealed = server.Out.seal(sealed, typeHandshake, two[700:])
	sealed = server.Out.KeyUpdate(sealed)
	sealed = append(sealed, mustSeal(t, &server.Out, "x")...)
	data, kinds, err := openAll(&client.In, sealed)
	if data != "x" || len(kinds) != 3 || err != nil {
		t.Fatalf("got %q, %v, %v", data, kinds, err)
	}
}

func TestSealRekeysBeforeTheLimitOfTheKey(t *testing.T) {
	t.Parallel()
	for i := range 2 {
		server, client := pair(t, &suites[i])
		server.Out.seq, client.In.seq = RekeyAfter-1, RekeyAfter-1
		sealed := mustSeal(t, &server.Out, "the last")
		if server.Out.seq != RekeyAfter {
			t.Fatalf("sequence number %d: want %d", server.Out.seq, RekeyAfter)
		}
		sealed = append(sealed, mustSeal(t, &server.Out, ", the first of a new key")...)
		data, kinds, err := openAll(&client.In, sealed)
		if data != "the last, the first of a new key" || len(kinds) != 1 || err != nil {
			t.Errorf("got %q, %v, %v", data, kinds, err)
		}
		if server.Out.seq != 1 || client.In.seq != 1 {
			t.Errorf("sequence numbers %d and %d: want 1", server.Out.seq, client.In.seq)
		}
	}
	server, client := pair(t, &suites[2])
	server.Out.seq, client.In.seq = RekeyAfter, RekeyAfter
	if _, kinds, err := openAll(&client.In, mustSeal(t, &server.Out, "x")); len(kinds) > 0 || err != nil {
		t.Errorf("ChaCha20: got %v, %v: want no KeyUpdate", kinds, err)
	}
}
