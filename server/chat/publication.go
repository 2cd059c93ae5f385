package chat

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
	FormText  form = iota // text of a plain client: a JSON string to the SDKs
	FormBytes             // any bytes: a JSON string in base64 to the SDKs that speak JSON, as proto3 maps bytes to JSON
	FormJSON              // JSON: itself to the SDKs; to a plain client its text, of a JSON string what is in it
)

var ErrTooDeep = fmt.Errorf("data nested deeper than %d", MaxDepth)

// MaxDepth is how deep the JSON of a publication may be nested: more than a chat needs, less than breaks a parser.
const MaxDepth = 64

// MaxDelta is how many bytes of data are kept and compared for a delta.
const MaxDelta = 16 << 10

// Publication is something said in a room. It is not changed any more.
type Publication struct {
	Data []byte
	Info *ClientInfo
	Tags map[string]string
	Form form

	Notice bool // says that another publication was redacted
	change bool // changes a message, or is the notice of a change's redaction

	// Of one that is remembered, else 0.
	At        wheel.Tick // when it was said, for its end
	Offset    uint64     // its place in the room's history
	UnixMilli int64      // when it was said, for people: in milliseconds since 1970
}

// Bytes is what it says, without who says it.
func (pub *Publication) Bytes() int {
	n := len(pub.Data)
	for name, value := range pub.Tags {
		n += len(name) + len(value)
	}
	return n
}

// Size is what it says, and who says it.
func (pub *Publication) Size() int { return pub.Bytes() + pub.Info.Size() }

// OfSDK takes data that came by the SDK protocol or the server API. It is kept: the caller must not change it. ok is false
// where it is nested too deep.
func OfSDK(data []byte) (p Publication, ok bool) {
	if !utf8.Valid(data) || !cfjson.Valid(data) {
		return Publication{Data: Fitted(data), Form: FormBytes}, true
	}
	if depth(data) > MaxDepth {
		return Publication{}, false
	}
	// A line end separates replies.
	if bytes.ContainsAny(data, "\n\r") {
		var compact bytes.Buffer
		if json.Compact(&compact, data) == nil {
			data = compact.Bytes()
		}
	}
	return Publication{Data: Fitted(data), Form: FormJSON}, true
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
