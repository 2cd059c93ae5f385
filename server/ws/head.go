package ws

import (
	"bytes"
	"net/http"
	"strings"
	"unsafe"
)

// Head is the part of a request head that the rules of an opening handshake use. ParseHead fills it from bytes, HeadOf from a request that
// net/http has parsed.
type Head struct {
	Path  string
	Query string // raw, without its question mark
	Host  string
	Lines int // header lines without Host

	Origin     Field
	Upgrade    Field
	Connection Field
	Version    Field // Sec-WebSocket-Version
	Key        Field // Sec-WebSocket-Key
	Protocol   Field // Sec-WebSocket-Protocol
	Extensions Field // Sec-WebSocket-Extensions
	Forwarded  Field // X-Forwarded-For
}

// Field is a header field: the number of its lines, and their values, joined by commas.
type Field struct {
	Value string
	Count int
}

// FieldOf returns the field that consists of these lines.
func FieldOf(lines []string) Field {
	if len(lines) == 1 {
		return Field{lines[0], 1}
	}
	return Field{strings.Join(lines, ","), len(lines)}
}

// HeadOf returns the head of r. The error is a *HandshakeError: the method, target or body of r is not one of a handshake.
func HeadOf(r *http.Request) (Head, error) {
	reject := func(status int, reason string) (Head, error) {
		return Head{}, &HandshakeError{Status: status, Reason: reason}
	}
	switch {
	case r.Method != http.MethodGet:
		return reject(http.StatusMethodNotAllowed, "a WebSocket starts with GET")
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return reject(http.StatusBadRequest, "a WebSocket needs HTTP/1.1")
	case r.Host == "":
		return reject(http.StatusBadRequest, "header Host is empty")
	case r.URL.Scheme != "" || r.URL.Host != "" || !strings.HasPrefix(r.URL.Path, "/"):
		return reject(http.StatusBadRequest, "request target must be a path")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return reject(http.StatusBadRequest, "a handshake has no body")
	}
	h := Head{
		Path:       r.URL.Path,
		Query:      r.URL.RawQuery,
		Host:       r.Host,
		Origin:     FieldOf(r.Header["Origin"]),
		Upgrade:    FieldOf(r.Header["Upgrade"]),
		Connection: FieldOf(r.Header["Connection"]),
		Version:    FieldOf(r.Header["Sec-Websocket-Version"]),
		Key:        FieldOf(r.Header["Sec-Websocket-Key"]),
		Protocol:   FieldOf(r.Header["Sec-Websocket-Protocol"]),
		Extensions: FieldOf(r.Header["Sec-Websocket-Extensions"]),
		Forwarded:  FieldOf(r.Header["X-Forwarded-For"]),
	}
	for _, lines := range r.Header {
		h.Lines += len(lines)
	}
	return h, nil
}

// ParseHead parses a complete request head, with its last CRLF, without an allocation. The strings of h share the bytes of head and are
// valid until those change: clone a string to keep it. ParseHead is strict: it returns false for every head that net/http must judge. It
// accepts no head that the Server of net/http rejects, and it reads none differently.
func ParseHead(head []byte, h *Head) bool {
	*h = Head{}
	rest, ok := h.requestLine(head)
	for ok {
		var line []byte
		if line, rest, ok = cutLine(rest); !ok {
			return false
		}
		if len(line) == 0 {
			return len(rest) == 0 && h.Host != ""
		}
		ok = h.headerLine(line)
	}
	return false
}

// cutLine cuts b after its first CRLF. A CR or an LF alone does not end a line.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	at := bytes.IndexByte(b, '\n')
	if at < 1 || b[at-1] != '\r' {
		return nil, nil, false
	}
	return b[:at-1], b[at+1:], true
}

const (
	beforeTarget = "GET "
	afterTarget  = " HTTP/1.1"
)

// requestLine accepts GET, a plain path with or without a query, and HTTP/1.1.
func (h *Head) requestLine(head []byte) (rest []byte, ok bool) {
	line, rest, ok := cutLine(head)
	if !ok || !bytes.HasPrefix(line, []byte(beforeTarget)) || !bytes.HasSuffix(line, []byte(afterTarget)) || len(line) < len(beforeTarget+afterTarget) {
		return nil, false
	}
	target := line[len(beforeTarget) : len(line)-len(afterTarget)]
	path, query := target, []byte(nil)
	if at := bytes.IndexByte(target, '?'); at >= 0 {
		path, query = target[:at], target[at+1:]
	}
	// A path that begins with two slashes could be an authority. A path with % must be decoded.
	if len(path) == 0 || path[0] != '/' || bytes.HasPrefix(path, []byte("//")) || !all(path, inPath) || !all(query, inQuery) {
		return nil, false
	}
	h.Path, h.Query = text(path), text(query)
	return rest, true
}

func (h *Head) headerLine(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || !all(line[:colon], inName) {
		return false
	}
	value := bytes.Trim(line[colon+1:], " \t")
	if !all(value, inValue) {
		return false
	}
	name := text(line[:colon])
	if isName(name, "Host") {
		if h.Host != "" || len(value) == 0 || !all(value, inHost) {
			return false
		}
		h.Host = text(value)
		return true
	}
	h.Lines++
	field, ok := h.field(name)
	if !ok || field == nil {
		return ok
	}
	// A second line is legal for some fields, and rare for all.
	if field.Count > 0 {
		return false
	}
	*field = Field{text(value), 1}
	return true
}

// field returns the field of a header line, nil if no rule uses it. ok is false for a header that changes how the request is read.
func (h *Head) field(name string) (f *Field, ok bool) {
	switch len(name) {
	case len("Origin"): // and Expect
		if isName(name, "Origin") {
			return &h.Origin, true
		}
		return nil, !isName(name, "Expect")
	case len("Upgrade"): // and Trailer
		if isName(name, "Upgrade") {
			return &h.Upgrade, true
		}
		return nil, !isName(name, "Trailer")
	case len("Connection"):
		if isName(name, "Connection") {
			return &h.Connection, true
		}
	case len("Content-Length"):
		return nil, !isName(name, "Content-Length")
	case len("X-Forwarded-For"):
		if isName(name, "X-Forwarded-For") {
			return &h.Forwarded, true
		}
	case len("Sec-WebSocket-Key"): // and Transfer-Encoding
		if isName(name, "Sec-WebSocket-Key") {
			return &h.Key, true
		}
		return nil, !isName(name, "Transfer-Encoding")
	case len("Sec-WebSocket-Version"):
		if isName(name, "Sec-WebSocket-Version") {
			return &h.Version, true
		}
	case len("Sec-WebSocket-Extensions"):
		if isName(name, "Sec-WebSocket-Extensions") {
			return &h.Extensions, true
		}
	case len("Sec-WebSocket-Protocol"):
		if isName(name, "Sec-WebSocket-Protocol") {
			return &h.Protocol, true
		}
	}
	return nil, true
}

// isName compares names of header fields, which are ASCII.
func isName(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

// text returns b as a string that shares its bytes.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Classes of bytes.
const (
	inName  = 1 << iota // of a token (RFC 9110, 5.6.2)
	inValue             // no control characters, except tab
	inPath              // slash, and characters that need no escape and have no meaning in a path
	inQuery             // printable ASCII without #
	inHost              // of names, IPv4, IPv6 in brackets, and ports
)

var classes = func() (of [256]byte) {
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for class, bytes := range map[byte]string{
		inName: alphanumeric + "!#$%&'*+-.^_`|~",
		inPath: alphanumeric + "/-._~",
		inHost: alphanumeric + "-._:[]",
	} {
		for _, b := range []byte(bytes) {
			of[b] |= class
		}
	}
	for b := range of {
		if b >= ' ' && b != 0x7F || b == '\t' {
			of[b] |= inValue
		}
		if b > ' ' && b < 0x7F && b != '#' {
			of[b] |= inQuery
		}
	}
	return of
}()

func all(b []byte, class byte) bool {
	for _, c := range b {
		if classes[c]&class == 0 {
			return false
		}
	}
	return true
}

// MalformedHead returns why a head, or the beginning of one, is rejected, or "". It rejects lines that end with LF alone, and folded lines.
// Servers read these differently, so that a proxy and throng could see different requests (request smuggling).
func MalformedHead(head []byte) string {
	for {
		at := bytes.IndexByte(head, '\n')
		switch {
		case at < 0:
			return ""
		case at == 0 || head[at-1] != '\r':
			return "a line ends with LF alone: want CRLF"
		}
		head = head[at+1:]
		if len(head) > 0 && (head[0] == ' ' || head[0] == '\t') {
			return "a header line begins with a space: folded lines are obsolete (RFC 9112, 5.2)"
		}
	}
}
