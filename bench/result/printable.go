package result

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable is text of a server, an agent or a file, fit for a terminal: what is not printed as a character (control characters, those
// that turn the direction of text, bytes that are no UTF-8) is a question mark. Line ends and tabs stay.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return '?'
	}, text)
}

// PrintableLine is Printable in one line of so many bytes at most.
func PrintableLine(text string, most int) string {
	text = strings.TrimSpace(strings.NewReplacer("\n", " ", "\t", " ").Replace(Printable(text)))
	if len(text) <= most {
		return text
	}
	const more = "..."
	return strings.ToValidUTF8(text[:most-len(more)], "") + more
}

// printableJSON is JSON text with escapes for what encoding/json leaves as it is and a terminal would obey: of it, only strings hold
// such characters.
func printableJSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case r < utf8.RuneSelf && r != 0x7F, unicode.IsPrint(r):
			out = utf8.AppendRune(out, r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
	}
	return out
}
