package ws

import (
	"testing"
)

// Autobahn 6.4: bytes that cannot become UTF-8 are refused at once, and not at the end of the frame or message.
func TestTextIsRefusedAtTheFirstWrongByte(t *testing.T) {
	for _, tt := range []struct {
		name  string
		good  string // may still become UTF-8
		wrong string
	}{
		{
			name:  "above the last character",
			good:  "κόσμε\xF4",
			wrong: "\x90",
		},
		{
			name:  "a surrogate",
			good:  "κόσμε\xED",
			wrong: "\xA0",
		},
		{
			name:  "no first byte",
			good:  "κόσμε",
			wrong: "\x80",
		},
		{
			name:  "one byte as two",
			good:  "a",
			wrong: "\xC1",
		},
		{
			name:  "two bytes as three",
			good:  "a\xE0",
			wrong: "\x9F",
		},
		{
			name:  "three bytes as four",
			good:  "a\xF0",
			wrong: "\x8F",
		},
		{
			name:  "a letter inside a character",
			good:  "a\xF0\x9F\x99",
			wrong: "a",
		},
		{
			name:  "a character inside a character",
			good:  "a\xE2\x82",
			wrong: "\xE2",
		},
		{
			name:  "a byte too many",
			good:  "a\xF0\x9F\x99\x82",
			wrong: "\x82",
		},
		{
			name:  "FF",
			good:  "",
			wrong: "\xFF",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := tt.good + tt.wrong + "more"
			frame := masked(OpText, whole)
			start := len(frame) - len(whole)
			if got := checkEveryCut(t, &small, frame[:start+len(tt.good)]); got.err != nil {
				t.Errorf("before the wrong byte: got %v, want no error", got)
			}
			got := checkEveryCut(t, &small, frame[:start+len(tt.good)+len(tt.wrong)])
			if closeCode(got.err) != CloseInvalidData {
				t.Errorf("with the wrong byte: got %v, want close %d", got, CloseInvalidData)
			}
			pieces := join(fragment(OpText, tt.good), fragment(0, tt.wrong))
			if got := checkEveryCut(t, &small, pieces); closeCode(got.err) != CloseInvalidData {
				t.Errorf("in fragments: got %v, want close %d", got, CloseInvalidData)
			}
		})
	}
}

// The model is the grammar of RFC 3629, section 4.
var characters = [][][2]byte{
	{{0x00, 0x7F}},
	{{0xC2, 0xDF}, {0x80, 0xBF}},
	{{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}},
	{{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}},
	{{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}},
	{{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}},
}

// begins counts the bytes of s before the first invalid one, and those of them that are complete characters.
func begins(s []byte) (good, whole int) {
	for whole < len(s) {
		longest, complete := 0, false
		for _, character := range characters {
			n := 0
			for n < len(character) && whole+n < len(s) && character[n][0] <= s[whole+n] && s[whole+n] <= character[n][1] {
				n++
			}
			if n > longest {
				longest, complete = n, n == len(character)
			}
		}
		if !complete {
			return whole + longest, whole
		}
		whole += longest
	}
	return whole, whole
}

func TestTextAgainstAModel(t *testing.T) {
	edges := []byte{0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
		0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF}
	const n = 4
	text := make([]byte, n)
	for i := range len(edges) * len(edges) * len(edges) * len(edges) {
		for j := range text {
			text[j] = edges[i%len(edges)]
			i /= len(edges)
		}
		good, whole := begins(text)
		taken := 0
		for p := (partial{op: OpText}); taken < n && p.append(text[taken:taken+1]) == nil; {
			taken++
		}
		if taken != good {
			t.Fatalf("% x byte by byte: got %d bytes taken, want %d", text, taken, good)
		}
		for cut := range n {
			p := partial{op: OpText}
			err := p.append(text[:cut])
			if (err != nil) != (good < cut) {
				t.Fatalf("% x: got error %v, want %d bytes taken", text[:cut], err, good)
			}
			if err != nil {
				continue
			}
			if err := p.append(text[cut:]); (err != nil) != (good < n) {
				t.Fatalf("% x after % x: got error %v, want %d bytes taken", text[cut:], text[:cut], err, good)
			}
			if good == n && p.checked != whole {
				t.Fatalf("% x: got %d bytes of whole characters, want %d", text, p.checked, whole)
			}
		}
	}
}
