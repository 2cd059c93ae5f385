package ws

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEveryCloseCode(t *testing.T) {
	// 7.4 and the IANA registry.
	may := map[int]bool{
		1000: true, 1001: true, 1002: true, 1003: true, 1007: true, 1008: true, 1009: true, 1010: true, 1011: true,
		1012: true, 1013: true, 1014: true,
	}
	for code := 3000; code <= 4999; code++ {
		may[code] = true
	}
	for code := range 1 << 16 {
		got, _, err := ParseClose([]byte{byte(code >> 8), byte(code)})
		switch {
		case may[code] && (err != nil || int(got) != code):
			t.Errorf("code %d: got %d and error %v, want it accepted", code, got, err)
		case !may[code] && closeCode(err) != CloseProtocolError:
			t.Errorf("code %d: got %d and error %v, want %d", code, got, err, CloseProtocolError)
		}
	}
}

// closeTable tests ParseClose and the decoder, which must agree.
var closeTable = []struct {
	name    string
	payload string
	code    CloseCode
	reason  string
	wantErr CloseCode // 0 for none
}{
	{
		name:    "an empty payload has no code",
		payload: "",
		code:    CloseNoStatus,
	},
	{
		name:    "one byte is not a code",
		payload: "\x03",
		wantErr: CloseProtocolError,
	},
	{
		name:    "a code alone",
		payload: "\x03\xE8",
		code:    CloseNormal,
	},
	{
		name:    "a code and a reason",
		payload: "\x03\xE9bye κόσμε",
		code:    CloseGoingAway,
		reason:  "bye κόσμε",
	},
	{
		name:    "the longest reason",
		payload: "\x0B\xB8" + strings.Repeat("x", 123),
		code:    3000,
		reason:  strings.Repeat("x", 123),
	},
	{
		name:    "a reason that is not UTF-8",
		payload: "\x03\xE8\xCE\xBA\xED\xA0\x80",
		wantErr: CloseInvalidData,
	},
	{
		name:    "a reason that ends inside a character",
		payload: "\x03\xE8\xCE",
		wantErr: CloseInvalidData,
	},
	{
		name:    "1005 is never sent",
		payload: "\x03\xED",
		wantErr: CloseProtocolError,
	},
	{
		name:    "1006 is never sent",
		payload: "\x03\xEE",
		wantErr: CloseProtocolError,
	},
	{
		name:    "a bad code is reported before a bad reason",
		payload: "\x00\x00\xFF",
		wantErr: CloseProtocolError,
	},
}

func TestParseClose(t *testing.T) {
	for _, tt := range closeTable {
		t.Run(tt.name, func(t *testing.T) {
			code, reason, err := ParseClose([]byte(tt.payload))
			if code != tt.code || reason != tt.reason || closeCode(err) != tt.wantErr {
				t.Errorf("got %d %q and error %v, want %d %q and error %d", code, reason, err, tt.code, tt.reason, tt.wantErr)
			}
		})
	}
}

func TestClosePayload(t *testing.T) {
	for _, tt := range []struct {
		name   string
		code   CloseCode
		reason string
		want   string
	}{
		{
			name: "no status makes an empty payload",
			code: CloseNoStatus,
			want: "",
		},
		{
			name: "a code without a reason",
			code: CloseNormal,
			want: "\x03\xE8",
		},
		{
			name:   "a reason of 123 bytes is complete",
			code:   CloseTooBig,
			reason: strings.Repeat("x", 123),
			want:   "\x03\xF1" + strings.Repeat("x", 123),
		},
		{
			name:   "a reason of 124 bytes loses one",
			code:   CloseTooBig,
			reason: strings.Repeat("x", 124),
			want:   "\x03\xF1" + strings.Repeat("x", 123),
		},
		{
			name:   "a long reason is not cut inside a character",
			code:   ClosePolicy,
			reason: strings.Repeat("x", 121) + "€€",
			want:   "\x03\xF0" + strings.Repeat("x", 121),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ClosePayload(tt.code, tt.reason)
			if string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if len(got) > maxControlPayload {
				t.Errorf("got %d bytes, want at most %d", len(got), maxControlPayload)
			}
		})
	}
}

// closeCode returns the code of a *CloseError, 0 for no error, 1 for another error.
func closeCode(err error) CloseCode {
	if err == nil {
		return 0
	}
	var bad *CloseError
	if !errors.As(err, &bad) {
		return 1
	}
	return bad.Code
}

func FuzzParseClose(f *testing.F) {
	for _, tt := range closeTable {
		f.Add([]byte(tt.payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		code, reason, err := ParseClose(payload)
		if !bytes.Equal(payload, before) {
			t.Fatalf("got % x, want the body as it was, % x", payload, before)
		}
		if err != nil {
			if got := closeCode(err); got != CloseProtocolError && got != CloseInvalidData {
				t.Fatalf("got error %v, want 1002 or 1007", err)
			}
			return
		}
		if !utf8.ValidString(reason) {
			t.Fatalf("got reason %q, want UTF-8", reason)
		}
		made := ClosePayload(code, reason)
		if len(payload) <= maxControlPayload {
			if !bytes.Equal(made, payload) {
				t.Fatalf("encoded again: got % x, want % x", made, payload)
			}
			return
		}
		// Longer than a frame may be: what is sent is its beginning, cut at a character.
		if len(made) > maxControlPayload || len(made) <= maxControlPayload-utf8.UTFMax || !bytes.HasPrefix(payload, made) {
			t.Fatalf("encoded again: got % x, want the first 122 to 125 bytes of % x", made, payload)
		}
		if !utf8.Valid(made[2:]) {
			t.Fatalf("encoded again: got reason %q, want UTF-8", made[2:])
		}
	})
}
