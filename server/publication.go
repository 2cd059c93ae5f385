package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/wheel"
)

// form is what a publication's data is, which decides how members of another encoding hear it.
type form uint8

const (
	formText  form = iota // text of a plain client: a JSON string to the SDKs
	formBytes             // any bytes: a JSON string in base64 to the SDKs that speak JSON, as proto3 maps bytes to JSON
	formJSON              // JSON: itself to the SDKs; to a plain client its text, of a JSON string what is in it
)

var errTooDeep = fmt.Errorf("data nested deeper than %d", maxDepth)

// maxDepth is how deep the JSON of a publication may be nested: more than a chat needs, less than breaks a parser.
const maxDepth = 64

// maxDelta is how many bytes of data are kept and compared for a delta.
const maxDelta = 16 << 10

// publication is something said in a room. It is not changed any more.
type publication struct {
	data []byte
	info *clientInfo
	tags map[string]string
	form form

	notice bool // says that another publication was redacted
	change bool // changes a message, or is the notice of a change's redaction

	// Of one that is remembered, else 0.
	at        wheel.Tick // when it was said, for its end
	offset    uint64     // its place in the room's history
	unixMilli int64      // when it was said, for people: in milliseconds since 1970
}

// bytes is what it says, without who says it.
func (p *publication) bytes() int {
	n := len(p.data)
	for name, value := range p.tags {
		n += len(name) + len(value)
	}
	return n
}

// Size is what it says, and who says it.
func (p *publication) Size() int { return p.bytes() + p.info.Size() }

// ofSDK takes data that came by the SDK protocol or the server API. It is kept: the caller must not change it. ok is false
// where it is nested too deep.
func ofSDK(data []byte) (p publication, ok bool) {
	if !utf8.Valid(data) || !cfjson.Valid(data) {
		return publication{data: fitted(data), form: formBytes}, true
	}
	if depth(data) > maxDepth {
		return publication{}, false
	}
	// A line end separates replies.
	if bytes.ContainsAny(data, "\n\r") {
		var compact bytes.Buffer
		if json.Compact(&compact, data) == nil {
			data = compact.Bytes()
		}
	}
	return publication{data: fitted(data), form: formJSON}, true
}

// depth is how deep valid JSON is nested.
func depth(b []byte) (most int) {
	now, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}
