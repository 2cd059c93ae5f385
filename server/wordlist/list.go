package wordlist

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/throng-chat/throng/server/fold"
)

// List is a set of words. A text has a word of the list if it has it as a whole word, whatever its case and its diacritics. It is immutable.
type List struct {
	words   map[string]struct{} // folded
	lengths uint64              // bit n: a word of n+1 bytes
}

// Limits of a file.
const (
	maxFile  = 1 << 20 // bytes
	maxWords = 20_000
	maxWord  = 64 // bytes of the folded word
)

// Load reads a list from a file.
func Load(path string) (*List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f)
}

// Read reads a list: one word a line. It ignores empty lines and those that begin with "#".
func Read(r io.Reader) (*List, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, fmt.Errorf("the file has more than %d bytes", maxFile)
	case !utf8.Valid(text):
		return nil, errors.New("the file is not UTF-8")
	}
	l := &List{words: map[string]struct{}{}}
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	lines.Buffer(nil, maxFile+1)
	for n := 1; lines.Scan(); n++ {
		if line := strings.TrimSpace(lines.Text()); line != "" && line[0] != '#' {
			if err := l.add(line); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	return l, lines.Err()
}

// add adds a word.
func (l *List) add(text string) error {
	for _, r := range text {
		if _, class := fold.Rune(r); class == fold.Other {
			return fmt.Errorf("%q has %q: must be one word of letters and digits", clip(text), r)
		}
	}
	word := fold.Append(nil, text)
	switch {
	case len(word) == 0:
		return fmt.Errorf("%q has no letter and no digit: must be one word", clip(text))
	case len(word) > maxWord:
		return fmt.Errorf("%q has %d bytes: must have %d at most", clip(text), len(word), maxWord)
	case len(l.words) == maxWords:
		return fmt.Errorf("%q is one word too many: a list has %d at most", clip(text), maxWords)
	}
	l.words[string(word)] = struct{}{}
	l.lengths |= 1 << (len(word) - 1)
	return nil
}

// clip shortens a text for an error.
func clip(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// Len returns the number of words.
func (l *List) Len() int { return len(l.words) }

// Has reports whether a text has a word of the list. The cost is that of folding the text, and a look-up for each of its words whose length some
// word of the list has.
func (l *List) Has(text string) bool {
	from, _ := l.next(text, 0)
	return from >= 0
}

// Mask returns a text with "*" for each character of the words of the list.
func (l *List) Mask(text string) string {
	from, to := l.next(text, 0)
	if from < 0 {
		return text
	}
	var masked strings.Builder
	for at := 0; ; {
		masked.WriteString(text[at:from])
		masked.WriteString(strings.Repeat("*", utf8.RuneCountInString(text[from:to])))
		at = to
		if from, to = l.next(text, at); from < 0 {
			masked.WriteString(text[at:])
			return masked.String()
		}
	}
}

// next returns where the first word of the list at or after an index begins and ends; -1 for none. The index must not be inside of a word.
func (l *List) next(text string, at int) (from, to int) {
	var buf [maxWord]byte
	var word scanned
	for i := at; i < len(text); {
		n, class := 1, fold.Other
		if c := text[i]; c < utf8.RuneSelf {
			var form byte
			if form, class = fold.ByteClass(c); class == fold.Word {
				word.addByte(&buf, i, form)
			}
		} else {
			var r rune
			var form string
			r, n = utf8.DecodeRuneInString(text[i:])
			if form, class = fold.Rune(r); class == fold.Word {
				word.add(&buf, i, form)
			}
		}
		if class == fold.Other && word.length > 0 {
			if l.has(buf[:], word.length) {
				return word.from, i
			}
			word.length = 0
		}
		i += n
	}
	if l.has(buf[:], word.length) {
		return word.from, len(text)
	}
	return -1, -1
}

// scanned is a word of a text: where it begins, and the length of its folded form, of which a buffer has the beginning.
type scanned struct{ from, length int }

func (w *scanned) addByte(buf *[maxWord]byte, at int, form byte) {
	if w.length == 0 {
		w.from = at
	}
	if w.length < maxWord {
		buf[w.length] = form
	}
	w.length++
}

func (w *scanned) add(buf *[maxWord]byte, at int, form string) {
	if w.length == 0 {
		w.from = at
	}
	if w.length < maxWord {
		copy(buf[w.length:], form)
	}
	w.length += len(form)
}

// has reports whether the list has a word of so many bytes.
func (l *List) has(word []byte, length int) bool {
	if length == 0 || length > maxWord || l.lengths>>(length-1)&1 == 0 {
		return false
	}
	_, listed := l.words[string(word[:length])]
	return listed
}
