package name

import (
	"fmt"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for _, tt := range []struct {
		name string
		want bool
	}{
		{"", true},
		{"lobby", true},
		{"#dialog:42,43 $x/y?z", true},
		{"Zoë Ünal", true},
		{"e\u0301", true}, // a combining accent
		{"茶", true},
		{"علي", true}, // right to left by itself
		{"שָׁלוֹם", true},
		{"हिन्दी", true},
		{"👍🏽", true}, // with a tone of skin
		{"🇫🇷", true},
		{"❤\uFE0F", true},
		{"☺\uFE0Fx", true},
		{"a\uFE0F", false},
		{"\uFE0F", false},
		{"❤\uFE0F\uFE0F", false},
		{"❤\uFE0E", false},
		{"👩\u200D💻", false},
		{"\xFF", false},
		{"a\xC0\x80", false},
		{"\xED\xA0\x80", false}, // a surrogate
	} {
		if got := Visible(tt.name); got != tt.want {
			t.Errorf("%+q: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Every character of the classes, alone and between others.
func TestEveryInvisibleCharacterIsRefused(t *testing.T) {
	classes := map[string][]rune{
		"control":                  {0, '\t', '\n', '\r', 0x1B, 0x7F, 0x80, 0x85, 0x9F},
		"bidirectional":            {0x061C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069},
		"zero width":               {0x00AD, 0x034F, 0x180E, 0x200B, 0x200C, 0x200D, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0xFEFF},
		"line separators":          {0x2028, 0x2029},
		"deprecated format":        {0x206A, 0x206F},
		"annotation":               {0xFFF9, 0xFFFA, 0xFFFB},
		"fillers":                  {0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0},
		"variation selectors":      {0x180B, 0x180D, 0x180F, 0xFE00, 0xFE0E, 0xFE0F, 0xE0100, 0xE01EF},
		"tags":                     {0xE0001, 0xE0020, 0xE0041, 0xE007F},
		"music and shorthand":      {0x1BCA0, 0x1D173, 0x1D17A},
		"reserved to be invisible": {0x2065, 0xFFF0, 0xE0000, 0xE0FFF},
	}
	for class, characters := range classes {
		for _, r := range characters {
			for _, name := range []string{string(r), "a" + string(r), string(r) + "b", "a" + string(r) + "b"} {
				if Visible(name) {
					t.Errorf("%s: %+q is allowed", class, name)
				}
			}
		}
	}
	for _, table := range invisible {
		for r := rune(0); r <= utf8.MaxRune; r++ {
			if unicode.Is(table, r) && Visible(fmt.Sprintf("a%cb", r)) {
				t.Errorf("%U is allowed", r)
			}
		}
	}
}

func TestVisibleDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Visible("chat:lobby 茶 ❤\uFE0F") }); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func TestATextShowsSomething(t *testing.T) {
	for _, tt := range []struct {
		text string
		want bool
	}{
		{"spam", true},
		{"  .", true},
		{"👩\u200D💻", true},
		{"علي", true},
		{"", false},
		{" \u00A0\u3000", false},
		{"\u200B\u2060\uFEFF", false},
		{"\u2800", false},
		{"\u3164 \uFE0F", false},
		{"\u202E\u2069", false},
	} {
		if got := Shows(tt.text); got != tt.want {
			t.Errorf("%+q: got %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestCharactersThatTurnTheText(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		isMark := r == '\u061C' || r == '\u200E' || r == '\u200F'
		if got, want := TurnsText(r), unicode.Is(unicode.Bidi_Control, r) && !isMark; got != want {
			t.Errorf("%U: got %v, want %v", r, got, want)
		}
	}
}
