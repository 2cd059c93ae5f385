package timeline

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// field is a field of the data that docs/chat.md names.
type field int

const (
	fieldType field = iota
	fieldID
	fieldOf
	fieldText
	fieldReplyTo
	fieldThread
	fieldMentions
	fieldMeta
	fieldEmoji
	fieldOn
	fieldDeleted
	fieldRedacted
	fieldCount
)

var fieldNames = [fieldCount]string{
	fieldType: "type", fieldID: "id", fieldOf: "of", fieldText: "text", fieldReplyTo: "reply_to", fieldThread: "thread", fieldMentions: "mentions",
	fieldMeta: "meta", fieldEmoji: "emoji", fieldOn: "on", fieldDeleted: "deleted", fieldRedacted: "redacted",
}

// fields has the JSON value of each field; nil if it is absent or null.
type fields [fieldCount][]byte

// fieldsOf reads the fields of an object. data is valid JSON and begins with the object. Names match exactly. A name that docs/chat.md has may not be
// there twice: readers differ about which one counts.
func fieldsOf(data []byte) (f fields, err error) {
	seen := [fieldCount]bool{}
	for data = trim(data[1:]); data[0] != '}'; {
		name, after := value(data)
		v, after := value(trim(trim(after)[1:])) // after the colon
		if data = trim(after); data[0] == ',' {
			data = trim(data[1:])
		}
		text, err := unquote(name)
		if err != nil {
			continue // not one of the names
		}
		i := field(slices.Index(fieldNames[:], text))
		if i < 0 {
			continue
		}
		if seen[i] {
			return f, fmt.Errorf("%s: found it twice, allowed: once", text)
		}
		seen[i] = true
		if !bytes.Equal(v, []byte("null")) {
			f[i] = v
		}
	}
	return f, nil
}

// trim removes leading space of JSON.
func trim(data []byte) []byte {
	for len(data) > 0 && (data[0] == ' ' || data[0] == '\n' || data[0] == '\t' || data[0] == '\r') {
		data = data[1:]
	}
	return data
}

// value splits valid JSON, which begins with a value, after that value.
func value(data []byte) (v, after []byte) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i += stringLen(data[i:]) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth--; depth < 0 {
				return data[:i], data[i:]
			}
		case ',', ' ', '\t', '\r', '\n', ':':
			if depth == 0 {
				return data[:i], data[i:]
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return data[:i+1], data[i+1:]
		}
	}
	return data, nil
}

// stringLen returns the length of the JSON string that data begins with, with its quotes.
func stringLen(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

var errSurrogate = errors.New(`found half a surrogate pair such as \ud800, allowed: Unicode text`)

// unquote returns the text of a valid JSON string. Half a surrogate pair is an error: programming languages differ about its text.
func unquote(literal []byte) (string, error) {
	s := literal[1 : len(literal)-1]
	if bytes.IndexByte(s, '\\') < 0 {
		return string(s), nil
	}
	b := make([]byte, 0, len(s))
	for len(s) > 0 {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return string(append(b, s...)), nil
		}
		b = append(b, s[:i]...)
		if s[i+1] != 'u' {
			b = append(b, unescaped(s[i+1]))
			s = s[i+2:]
			continue
		}
		c := hex4(s[i+2:])
		s = s[i+6:]
		if utf16.IsSurrogate(c) {
			if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
				return "", errSurrogate
			}
			if c = utf16.DecodeRune(c, hex4(s[2:])); c == utf8.RuneError {
				return "", errSurrogate
			}
			s = s[6:]
		}
		b = utf8.AppendRune(b, c)
	}
	return string(b), nil
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // " \ /
}

// hex4 reads the four digits of an escape, which valid JSON has.
func hex4(s []byte) rune {
	n, _ := strconv.ParseUint(string(s[:4]), 16, 16)
	return rune(n)
}

// reader reads fields by type. After the first error, all are empty.
type reader struct {
	fields
	err error
}

func (r *reader) fail(f field, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", fieldNames[f], fmt.Errorf(format, args...))
	}
}

// forbid fails if the data has a field that only the server writes.
func (r *reader) forbid(f field) {
	if r.has(f) {
		r.fail(f, "found it, allowed: only in data that the server writes")
	}
}

func (r *reader) has(f field) bool { return r.err == nil && r.fields[f] != nil }

// text reads a string of minBytes to maxBytes. It is required if minBytes is not 0.
func (r *reader) text(f field, minBytes, maxBytes int) string {
	v := r.fields[f]
	switch {
	case r.err != nil || v == nil && minBytes == 0:
		return ""
	case v == nil:
		r.fail(f, "not found, required: a string")
		return ""
	case v[0] != '"':
		r.fail(f, "found %.20s, allowed: a string", v)
		return ""
	}
	s, err := unquote(v)
	if err != nil {
		r.fail(f, "%w", err)
		return ""
	}
	if len(s) < minBytes || len(s) > maxBytes {
		r.fail(f, "found %d bytes, allowed: %d to %d", len(s), minBytes, maxBytes)
		return ""
	}
	return s
}

// optional reads a string of 1 to maxBytes, or none.
func (r *reader) optional(f field, maxBytes int) string {
	if !r.has(f) {
		return ""
	}
	return r.text(f, 1, maxBytes)
}

// bool reads a required boolean.
func (r *reader) bool(f field) bool {
	switch v := string(r.fields[f]); v {
	case "true":
		return true
	case "false":
	case "":
		r.fail(f, "not found, required: true or false")
	default:
		r.fail(f, "found %.20s, allowed: true or false", v)
	}
	return false
}

// object reads an optional JSON object of maxBytes at most, as a copy.
func (r *reader) object(f field, maxBytes int) []byte {
	v := r.fields[f]
	switch {
	case !r.has(f):
		return nil
	case v[0] != '{':
		r.fail(f, "found %.20s, allowed: a JSON object", v)
		return nil
	case len(v) > maxBytes:
		r.fail(f, "found %d bytes, allowed: %d at most", len(v), maxBytes)
		return nil
	}
	return bytes.Clone(v)
}

// each calls do for each string of an optional array, until the first error.
func (r *reader) each(f field, do func(string)) {
	v := r.fields[f]
	if !r.has(f) {
		return
	}
	if v[0] != '[' {
		r.fail(f, "found %.20s, allowed: an array of strings", v)
		return
	}
	for v = trim(v[1:]); v[0] != ']' && r.err == nil; {
		item, after := value(v)
		if v = trim(after); v[0] == ',' {
			v = trim(v[1:])
		}
		if item[0] != '"' {
			r.fail(f, "found %.20s, allowed: strings", item)
			return
		}
		s, err := unquote(item)
		if err != nil {
			r.fail(f, "%w", err)
			return
		}
		do(s)
	}
}
