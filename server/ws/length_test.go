package ws

import (
	"testing"
)

// hostileLengths are lengths at which arithmetic may overflow: each limit, each sign bit, and their neighbours.
var hostileLengths = []uint64{
	0, 1, 124, 125, 126, 127, 128, 255, 256, 32767, 32768, 65534, 65535, 65536, 65537,
	1<<24 - 1, 1 << 24, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<32 + 125, 1 << 40, 1 << 48,
	1<<53 - 1, 1<<53 + 1, 1<<62 - 1, 1 << 62, 1<<63 - 65537, 1<<63 - 65536, 1<<63 - 14, 1<<63 - 2, 1<<63 - 1,
	1 << 63, 1<<63 + 1, 1<<63 + 65536, 1<<64 - 14, 1<<64 - 2, 1<<64 - 1,
}

// NATS: a length with its highest bit set, before any login, ended the process.
func TestCVE_2026_27889_NoLengthIsTrusted(t *testing.T) {
	const begun = 10
	for _, tt := range []struct {
		name   string
		before []byte
		first  byte
		most   uint64
	}{
		{
			name:  "in a whole message",
			first: 0x82,
			most:  1 << 16,
		},
		{
			name:  "in a first fragment",
			first: 0x02,
			most:  1 << 16,
		},
		{
			name:   "in a continuation",
			before: fragment(OpBinary, string(letters(begun))),
			first:  0x00,
			most:   1<<16 - begun,
		},
		{
			name:   "in a last continuation",
			before: fragment(OpBinary, string(letters(begun))),
			first:  0x80,
			most:   1<<16 - begun,
		},
		{
			name:  "in a control frame",
			first: 0x89,
			most:  125,
		},
		{
			name:   "in a control frame between fragments",
			before: fragment(OpBinary, string(letters(begun))),
			first:  0x88,
			most:   125,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, length := range hostileLengths {
				for _, field := range []int{0, 2, 8} {
					shortest := uint64(0)
					switch {
					case field == 0 && length > 125 || field == 2 && length > 0xFFFF:
						continue // does not fit
					case field == 2:
						shortest = 126
					case field == 8:
						shortest = 0x10000
					}
					want := CloseCode(0)
					switch {
					case tt.first >= 0x88 && field > 0, length < shortest, length >= 1<<63:
						want = CloseProtocolError
					case length > tt.most:
						want = CloseTooBig
					}
					got := checkEveryCut(t, &wide, join(tt.before, head(tt.first, field, length)))
					if closeCode(got.err) != want {
						t.Errorf("length %d in %d bytes: got %v, want close %d", length, field, got, want)
					}
				}
			}
		})
	}
}

// gorilla/websocket: lengths were added before they were compared. nbio: a fragment, then a continuation of 2^63-1.
func TestCVE_2020_27813_LengthsDoNotAddUpToLess(t *testing.T) {
	for _, begun := range []int{1, 125, 126, 65535, 65536} {
		first := fragment(OpBinary, string(letters(begun)))
		for back := range uint64(20) {
			got := listen(t, &wide, join(first, head(0x00, 8, 1<<63-1-back)))
			if closeCode(got.err) != CloseTooBig {
				t.Errorf("%d bytes, then 2^63-%d: got %v, want close %d", begun, back+1, got, CloseTooBig)
			}
		}
		got := listen(t, &wide, join(first, head(0x00, 8, 1<<63-uint64(begun))))
		if closeCode(got.err) != CloseTooBig {
			t.Errorf("%d bytes, then 2^63-%d: got %v, want close %d", begun, begun, got, CloseTooBig)
		}
	}
}

// Mattermost CVE-2026-2454: memory was reserved for the declared length.
func TestCVE_2026_2454_ADeclaredLengthReservesNothing(t *testing.T) {
	stream := join(head(0x82, 8, 1<<16), []byte("abc"))
	var d Decoder
	if _, _, err := d.Next(&wide, stream); err != nil {
		t.Fatal(err)
	}
	if got := cap(d.partial.data); got > 64 {
		t.Errorf("got %d bytes reserved for 3 of 65536, want at most 64", got)
	}
}
