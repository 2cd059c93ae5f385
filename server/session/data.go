package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
)

// What may be published by the SDK protocol and the server API.

var errTooDeep = fmt.Errorf("data nested deeper than %d", MaxDepth)

// MaxDepth is how deep the JSON of a publication may be nested: more than a chat needs, less than breaks a parser.
const MaxDepth = 64

// OfSDK takes data that came by the SDK protocol or the server API. It is kept: the caller must not change it. ok is false
// where it is nested too deep.
func OfSDK(data []byte) (p chat.Publication, ok bool) {
	if !utf8.Valid(data) || !cfjson.Valid(data) {
		return chat.Publication{Data: chat.Fitted(data), Form: chat.FormBytes}, true
	}
	if depth(data) > MaxDepth {
		return chat.Publication{}, false
	}
	// A line end separates replies.
	if bytes.ContainsAny(data, "\n\r") {
		var compact bytes.Buffer
		if json.Compact(&compact, data) == nil {
			data = compact.Bytes()
		}
	}
	return chat.Publication{Data: chat.Fitted(data), Form: chat.FormJSON}, true
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
