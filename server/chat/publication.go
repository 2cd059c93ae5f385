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

// What the history of a room keeps costs, besides the bytes, about.
const (
	InfoCost = 80  // a clientInfo
	tagsCost = 336 // a map of tags, with room for eight
	tagCost  = 80  // each further tag
	textCost = 16  // the text of a tag, beyond its bytes
)

// Cost is how many bytes of memory a publication keeps.
func (pub *Publication) Cost() int {
	n := cap(pub.Data)
	if pub.Info != nil {
		n += InfoCost + len(pub.Info.User) + len(pub.Info.Client) + cap(pub.Info.ConnInfo) + cap(pub.Info.ChanInfo)
	}
	if pub.Tags != nil {
		n += tagsCost + max(len(pub.Tags)-8, 0)*tagCost
		for name, value := range pub.Tags {
			n += len(name) + len(value) + textCost
		}
	}
	return n
}

// by says whether a publication is somebody's own.
func (pub *Publication) by(who *ClientInfo) bool {
	if pub.Info == nil {
		return false
	}
	if who.User == "" {
		return pub.Info.Client == who.Client
	}
	return pub.Info.User == who.User
}
