// Package name defines which characters the name of a room or of a guest may contain. All inputs of the server use it.
package name

import (
	"unicode"
	"unicode/utf8"
)

// invisible are the characters that make two names differ although they look the same, or that change the display of the text around them:
// controls (Cc), format characters (Cf: bidirectional controls, zero-width characters, tags), line and paragraph separators, and characters
// that a renderer may leave out (Default_Ignorable_Code_Point: fillers, variation selectors).
var invisible = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
}

const (
	emojiPresentation = '\uFE0F' // a variation selector that keyboards add to symbols such as U+2764
	brailleBlank      = '\u2800' // a symbol that shows nothing
)

// Visible reports whether s is UTF-8 without control, invisible and bidirectional control characters. One variation selector is allowed:
// U+FE0F directly after a symbol (So), where it selects the emoji. U+200C and U+200D are not allowed, so emoji that join several characters
// are not allowed either. Visible does not limit the length. The empty string is visible.
func Visible(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	before := rune(0)
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			if r < ' ' || r == 0x7F {
				return false
			}
		case r == emojiPresentation && unicode.Is(unicode.So, before):
		case r == brailleBlank || unicode.IsOneOf(invisible, r):
			return false
		}
		before = r
	}
	return true
}

// Shows reports whether s has a character that a reader sees. Spaces and the characters that Visible rejects show nothing.
func Shows(s string) bool {
	for _, r := range s {
		if !unicode.IsSpace(r) && r != brailleBlank && !unicode.IsOneOf(invisible, r) {
			return true
		}
	}
	return false
}

// TurnsText reports whether a character changes the direction of the text behind it until another character ends that: embeddings, overrides
// and isolates. Marks such as U+200F have no effect on other text.
func TurnsText(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}
