package result

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable makes text of a server, an agent or a file safe for a terminal. It replaces by a question mark each character that is not
// printable: control characters, marks that change the direction of text, and bytes that are not UTF-8. Line ends and tabs stay.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return '?'
	}, text)
}

// PrintableLine does the same for a text of one line, cut to most bytes.
func PrintableLine(text string, most int) string {
	text = strings.TrimSpace(strings.NewReplacer("\n", " ", "\t", " ").Replace(Printable(text)))
	if len(text) <= most {
		return text
	}
	const more = "..."
	return strings.ToValidUTF8(text[:most-len(more)], "") + more
}

// printableJSON escapes in JSON text the characters that encoding/json leaves and that control a terminal. They occur in strings only.
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
