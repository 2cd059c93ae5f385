package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
)

// The data of publications by SDK clients and by the server API.

var errTooDeep = fmt.Errorf("data nested deeper than %d", MaxDepth)

// MaxDepth is the nesting of JSON data, at most. Deeper data could exceed the limits of parsers in clients.
const MaxDepth = 64

// PublicationOf returns a publication with data of an SDK client or of the server API. It keeps data: the caller must not change it. ok is false
// if the JSON is nested deeper than MaxDepth.
func PublicationOf(data []byte) (p chat.Publication, ok bool) {
	if !utf8.Valid(data) || !cfjson.Valid(data) {
		return chat.Publication{Data: chat.Compact(data), Form: chat.FormBytes}, true
	}
	if nesting(data) > MaxDepth {
		return chat.Publication{}, false
	}
	// In the JSON protocol, a line break separates replies.
	if bytes.ContainsAny(data, "\n\r") {
		var compact bytes.Buffer
		if json.Compact(&compact, data) == nil {
			data = compact.Bytes()
		}
	}
	return chat.Publication{Data: chat.Compact(data), Form: chat.FormJSON}, true
}

// nesting returns the nesting of valid JSON.
func nesting(b []byte) (most int) {
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
