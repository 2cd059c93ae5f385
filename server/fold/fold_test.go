package fold

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEqualTextsHaveOneForm(t *testing.T) {
	t.Parallel()
	for form, texts := range map[string][]string{
		"creme brulee": {"Crème brûlée", "CREME BRULEE", "cre\u0300me bru\u0302le\u0301e", "Ｃrème brûlée", "cr\u200beme bru\u00adlee"},
		"strasse":      {"Straße", "STRASSE", "STRAẞE"},
		"σισυφοσ":      {"Σίσυφος", "ΣΊΣΥΦΟΣ"},
		"еж":           {"ёж", "ЁЖ", "е\u0308ж"},
		"ffi 12 a":     {"ﬃ ⑫ Ⓐ", "FFI 12 A"},
		"שלום":         {"שָׁלוֹם"},
		"محمد":         {"مُحَمَّد"},
		"कि":           {"कि"},
		"한국어":          {"한국어"},
		"👍":            {"👍", "👍\ufe0f"},
	} {
		for _, text := range texts {
			if got := string(Append(nil, text)); got != form {
				t.Errorf("%q: got %q, want %q", text, got, form)
			}
		}
	}
}

func TestDifferentWordsKeepTheirForms(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"कि", "के"}, {"か", "が"}, {"ı", "i"}, {"a", "ä1"}} {
		if a, b := string(Append(nil, pair[0])), string(Append(nil, pair[1])); a == b {
			t.Errorf("%q and %q have the form %q", pair[0], pair[1], a)
		}
	}
}

// The tables have the same form as the code that makes them, and a form stays the same if it is folded again.
func TestAFormIsFoldedAlready(t *testing.T) {
	t.Parallel()
	for r := range rune(tabled) {
		if !utf8.ValidRune(r) {
			continue
		}
		form, _ := Rune(r)
		if again := string(Append(nil, form)); again != form {
			t.Fatalf("U+%04X: got %q, and %q if folded again", r, form, again)
		}
	}
}

func TestFoldingDoesNotAllocate(t *testing.T) {
	text := strings.Repeat("Grüße, мир! ", 100)
	buf := make([]byte, 0, 2*len(text))
	if n := testing.AllocsPerRun(100, func() { buf = Append(buf[:0], text) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func BenchmarkFold(b *testing.B) {
	for name, part := range map[string]string{
		"ascii": "The quick brown Fox jumps over the lazy Dog. ", "cyrillic": "Съешь же ещё этих мягких булок. ", "long form": "\ufdfa",
	} {
		text := strings.Repeat(part, 4096/len(part)+1)[:4096/len(part)*len(part)]
		b.Run(name, func(b *testing.B) {
			var buf []byte
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				buf = Append(buf[:0], text)
			}
		})
	}
}
