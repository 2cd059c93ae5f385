package search

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/fold"
)

// Limits of the text of a search.
const (
	maxQuery = 256 // bytes
	maxTerms = 8
)

// Matcher compares texts with the terms of a search. One goroutine at a time may use it.
type Matcher struct {
	terms [][]byte // folded, the longest first
	buf   []byte   // the folded form of the last text
}

// New returns a matcher of texts that have each of the terms, which are separated by white space. Case and diacritics do not matter. The error
// gives what is allowed.
func New(text string) (*Matcher, error) {
	if len(text) > maxQuery {
		return nil, fmt.Errorf("text has %d bytes: must have 1 to %d", len(text), maxQuery)
	}
	m := &Matcher{}
	for _, term := range strings.Fields(text) {
		if folded := bytes.TrimSpace(fold.Append(nil, term)); len(folded) > 0 {
			m.terms = append(m.terms, folded)
		}
	}
	switch {
	case len(m.terms) == 0:
		return nil, fmt.Errorf("text %q has no visible character: must have 1 to %d terms", text, maxTerms)
	case len(m.terms) > maxTerms:
		return nil, fmt.Errorf("text has %d terms: must have 1 to %d", len(m.terms), maxTerms)
	}
	slices.SortStableFunc(m.terms, func(a, b []byte) int { return len(b) - len(a) })
	return m, nil
}

// Match reports whether a text has each of the terms.
func (m *Matcher) Match(text string) bool {
	m.buf = fold.Append(m.buf[:0], text)
	for _, term := range m.terms {
		if !bytes.Contains(m.buf, term) {
			return false
		}
	}
	return true
}
