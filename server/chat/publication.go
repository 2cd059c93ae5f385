package chat

import "github.com/throng-chat/throng/server/wheel"

// form is what a publication's data is, which decides how members of another encoding hear it.
type form uint8

const (
	FormText  form = iota // text of a plain client: a JSON string to the SDKs
	FormBytes             // any bytes: a JSON string in base64 to the SDKs that speak JSON, as proto3 maps bytes to JSON
	FormJSON              // JSON: itself to the SDKs; to a plain client its text, of a JSON string what is in it
)

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
