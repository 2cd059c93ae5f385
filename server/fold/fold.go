// Package fold folds text for comparisons: lower case, without diacritics and invisible characters. "Crème", "CREME" and "cre\u0300me" have the
// same form. It imports no package of throng, and any goroutine may use it.
package fold

import (
	"bytes"
	"slices"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Class is what a character is in a word.
type Class uint8

const (
	Other   Class = iota // between words
	Word                 // a letter, a digit, or a mark that is not a diacritic
	Ignored              // without a folded form: it does not end a word
)

const (
	pageSize = 1 << 8
	tabled   = 0x20000 // characters from here on have no table: CJK extensions and tags
)

// page is the folded forms of 256 characters, in the order of their numbers.
type page struct {
	forms   [pageSize]string
	classes [pageSize]Class
}

// pages has the pages that were needed. Each takes about 6 KiB, so all of them take 3 MiB at most.
var pages [tabled / pageSize]atomic.Pointer[page]

// ascii is the page of ASCII.
var ascii = pageOf(0)

// Append appends the folded form of a text to dst. Its cost is proportional to the length of the text: about 1 ns a byte in ASCII.
func Append(dst []byte, text string) []byte {
	for {
		dst = slices.Grow(dst, len(text))
		n := lowerASCII(dst[len(dst):len(dst)+len(text)], text)
		dst, text = dst[:len(dst)+n], text[n:]
		for len(text) > 0 && text[0] >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(text)
			form, _ := Rune(r)
			dst = append(dst, form...)
			text = text[n:]
		}
		if text == "" {
			return dst
		}
	}
}

// lowerASCII folds a text up to its first byte that is not ASCII, and returns the number of bytes. dst is as long as the text.
func lowerASCII(dst []byte, text string) int {
	for i := range dst {
		c := lower[text[i]]
		if c >= utf8.RuneSelf {
			return i
		}
		dst[i] = c
	}
	return len(text)
}

// lower has the folded forms of ASCII, and other bytes as they are.
var lower = func() (all [256]byte) {
	for c := range all {
		all[c] = byte(c)
		if c < utf8.RuneSelf {
			all[c] = byte(unicode.ToLower(rune(c)))
		}
	}
	return all
}()

// Rune returns the folded form of a character, which may be empty or have several characters, and its class.
func Rune(r rune) (form string, class Class) {
	switch {
	case r < tabled:
		p := pages[r/pageSize].Load()
		if p == nil {
			p = pageOf(r / pageSize)
		}
		return p.forms[r%pageSize], p.classes[r%pageSize]
	case r >= 0xE0000 && r < 0xE1000: // tags and variation selectors
		return "", Ignored
	}
	return string(r), classOf(string(r))
}

// ByteClass returns the folded form and the class of an ASCII character.
func ByteClass(c byte) (form byte, class Class) { return lower[c], ascii.classes[c] }

// pageOf makes and stores a page.
func pageOf(n rune) *page {
	p := &page{}
	var forms []byte
	var ends [pageSize]int
	fold := cases.Fold()
	for i := range rune(pageSize) {
		kept := withoutMarks(n*pageSize + i)
		if unicode.Is(unicode.Cherokee, n*pageSize+i) {
			kept = bytes.ToLower(kept) // x/text exchanges its cases
		} else {
			kept = fold.Bytes(kept)
		}
		forms = append(forms, kept...)
		ends[i] = len(forms)
	}
	all, from := string(forms), 0
	for i, to := range ends {
		p.forms[i] = all[from:to]
		p.classes[i] = classOf(p.forms[i])
		from = to
	}
	pages[n].Store(p)
	return p
}

// withoutMarks returns the compatibility decomposition of a character, without diacritics and invisible characters.
func withoutMarks(r rune) (kept []byte) {
	var one [utf8.UTFMax]byte
	parts := one[:utf8.EncodeRune(one[:], r)]
	if d := norm.NFKD.Properties(parts).Decomposition(); d != nil {
		parts = d
	}
	for len(parts) > 0 {
		c, n := utf8.DecodeRune(parts)
		if !ignored(c) {
			kept = append(kept, parts[:n]...)
		}
		parts = parts[n:]
	}
	return kept
}

// ignored reports whether a character is a diacritic or invisible. Vowel signs of Indian scripts and the sound marks of kana are parts of a word.
func ignored(r rune) bool {
	switch {
	case r == 0x3099, r == 0x309A:
		return false
	case unicode.Is(unicode.Cf, r):
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me) && unicode.In(r, unicode.Inherited, unicode.Arabic, unicode.Hebrew, unicode.Cyrillic, unicode.Greek)
}

// classOf returns the class of a folded form.
func classOf(form string) Class {
	if form == "" {
		return Ignored
	}
	for _, r := range form {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) {
			return Other
		}
	}
	return Word
}
