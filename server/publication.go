package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
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
	info *protocol.ClientInfo
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

// size is what it says, and who says it.
func (p *publication) size() int { return p.bytes() + infoSize(p.info) }

// infoSize is what somebody takes, nil for nobody.
func infoSize(info *protocol.ClientInfo) int {
	return len(info.GetUser()) + len(info.GetClient()) + len(info.GetConnInfo()) + len(info.GetChanInfo())
}

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

// plain is what a plain client hears.
func (p *publication) plain() (ws.Opcode, []byte) {
	switch p.form {
	case formText:
		return ws.OpText, p.data
	case formBytes:
		return ws.OpBinary, p.data
	}
	if p.data[0] == '"' {
		if text, err := cfjson.UnmarshalString(p.data); err == nil {
			return ws.OpText, []byte(text)
		}
	}
	return ws.OpText, p.data
}

// content is the data as an SDK hears it.
func (p *publication) content(e encoding) []byte {
	switch {
	case p.form == formJSON || p.form == formBytes && !e.isJSON():
		return p.data
	case p.form == formText:
		return cfjson.AppendString(nil, string(p.data))
	}
	return cfjson.AppendString(nil, base64.StdEncoding.EncodeToString(p.data))
}

// full is the publication as an SDK hears it, by itself.
func (p *publication) full(e encoding) *protocol.Publication {
	out := &protocol.Publication{Offset: p.offset, Info: p.info, Tags: p.tags, Data: p.content(e)}
	if e.isJSON() && e != jsonEncoding {
		// Whoever hears deltas hears every datum as a JSON string.
		out.Data = cfjson.AppendString(nil, string(out.Data))
	}
	return out
}

// past is the publication as it is told to whoever did not hear it then: with its time.
func (p *publication) past(e encoding) *protocol.Publication { return p.timed(p.full(e)) }

func (p *publication) timed(told *protocol.Publication) *protocol.Publication {
	told.Time = p.unixMilli
	return told
}

// after is what is new of the publication against the one before, or all of it where that is shorter, or where the budget of
// nanoseconds for deltas is used up, of which it takes its part.
func (p *publication) after(before *publication, e encoding, budget *int) *protocol.Publication {
	full := p.full(e)
	if before == nil {
		return full
	}
	was, content := before.content(e), p.content(e)
	if len(was) > maxDelta || len(content) > maxDelta {
		return full
	}
	if *budget -= deltaCost(was, content); *budget < 0 {
		return full
	}
	delta := deltaOf(was, content)
	// A delta copies and adds bytes, not characters: one that cuts a character in two is no JSON.
	if len(delta) >= len(content) || e.isJSON() && !utf8.Valid(delta) {
		return full
	}
	full.Delta, full.Data = true, delta
	if e.isJSON() {
		full.Data = cfjson.AppendString(nil, string(delta))
	}
	return full
}
