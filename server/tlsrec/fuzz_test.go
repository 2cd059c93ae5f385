package tlsrec

import (
	"bytes"
	"fmt"
	"testing"
)

func FuzzOpen(f *testing.F) {
	for i := range suites {
		_, client := pair(f, &suites[i])
		sealed := mustSeal(f, &client.Out, "hello")
		f.Add(uint8(i), sealed, 3)
		f.Add(uint8(i), client.Out.KeyUpdate(bytes.Clone(sealed)), 30)
		f.Add(uint8(i), client.Out.Close(bytes.Clone(sealed), nil), 1)
		f.Add(uint8(i), []byte{typeData, 3, 3, 0, 16}, 0)
	}
	// Bytes in one piece and cut have the same outcome, and nothing but what the client sealed is opened.
	f.Fuzz(func(t *testing.T, which uint8, src []byte, cut int) {
		s := &suites[int(which)%len(suites)]
		open := func(parts ...[]byte) string {
			server, _ := pair(t, s)
			var all string
			for _, part := range parts {
				data, kinds, err := openAll(&server.In, bytes.Clone(part))
				all += data
				for _, k := range kinds {
					all += fmt.Sprintf(" kind %d", k)
				}
				if err != nil {
					return all + " " + err.Error()
				}
				if len(kinds) > 0 && kinds[len(kinds)-1] == Closed {
					break
				}
			}
			return all
		}
		cut = min(max(cut, 0), len(src))
		whole, halves := open(src), open(src[:cut], src[cut:])
		if whole != halves {
			t.Fatalf("whole: %q, cut at %d: %q", whole, cut, halves)
		}
	})
}

// sealedAsPlain is for FuzzPlaintext.
func sealedAsPlain(t *testing.T, s *suite, typ byte, b []byte) (string, []Kind, error) {
	server, client := pair(t, s)
	return openAll(&server.In, client.Out.seal(nil, typ, b))
}

// FuzzContent has the peer seal whatever it likes, correctly.
func FuzzContent(f *testing.F) {
	for i := range suites {
		f.Add(uint8(i), byte(typeData), []byte("hello"))
		f.Add(uint8(i), byte(typeHandshake), []byte{keyUpdate, 0, 0, 1, 1})
		f.Add(uint8(i), byte(typeHandshake), []byte{newSessionTicket, 255, 255, 255})
		f.Add(uint8(i), byte(typeAlert), []byte{2, 40})
	}
	f.Fuzz(func(t *testing.T, which uint8, typ byte, b []byte) {
		if len(b) > MaxPlaintext {
			return
		}
		data, kinds, err := sealedAsPlain(t, &suites[int(which)%len(suites)], typ, b)
		if typ == typeData && (data != string(b) || err != nil) {
			t.Fatalf("data: got %q, %v", data, err)
		}
		if typ != typeData && typ != 0 && data != "" {
			t.Fatalf("content type %d: data %q", typ, data)
		}
		if err == nil && data == "" && len(kinds) != 1 {
			t.Fatalf("content type %d: %v", typ, kinds)
		}
	})
}
