package chat

import "github.com/throng-chat/throng/server/wheel"

// form is the type of a publication's data. It decides how the data is encoded for members of other formats.
type form uint8

const (
	FormText  form = iota // text of a plain client: a JSON string for SDK clients
	FormBytes             // binary: a JSON string in base64 for JSON clients, as proto3 maps bytes to JSON
	FormJSON              // JSON: sent as it is to SDK clients; a plain client receives the text, or the content of a JSON string
)

// MaxDelta is the largest size of data, in bytes, that is stored and compared for a delta.
const MaxDelta = 16 << 10

// Publication is one publication in a room. It is immutable after it is published.
type Publication struct {
	Data []byte
	Info *ClientInfo
	Tags map[string]string
	Form form

	notice bool // the notice of a redaction; of a change in a chat room: the server has checked it
	change bool // an edit, a deletion, a reaction or a pin, or the notice of the redaction of one
	Timed  bool // live publications have the time: those of chat rooms

	// Of a publication in a history, else 0.
	At        wheel.Tick // time of publication, for expiry
	Offset    uint64     // in the stream of the room
	UnixMilli int64      // time of publication, for clients: milliseconds since 1970
}

// Bytes returns the size of data and tags.
func (pub *Publication) Bytes() int {
	n := len(pub.Data)
	for name, value := range pub.Tags {
		n += len(name) + len(value)
	}
	return n
}

// Size returns the size of data, tags and the publisher's info.
func (pub *Publication) Size() int { return pub.Bytes() + pub.Info.Size() }

// Memory of a publication in a history beyond its bytes: estimates in bytes.
const (
	infoCost = 80  // a ClientInfo
	tagsCost = 336 // a map for at most eight tags
	tagCost  = 80  // each further tag
	textCost = 16  // the text of a tag beyond its bytes
)

// Memory estimates the memory of a publication in bytes.
func (pub *Publication) Memory() int {
	n := cap(pub.Data)
	if pub.Info != nil {
		n += infoCost + len(pub.Info.User) + len(pub.Info.Client) + cap(pub.Info.ConnInfo) + cap(pub.Info.ChanInfo)
	}
	if pub.Tags != nil {
		n += tagsCost + max(len(pub.Tags)-8, 0)*tagCost
		for name, value := range pub.Tags {
			n += len(name) + len(value) + textCost
		}
	}
	return n
}

// isBy reports whether publisher published it: the same user, or the same connection if anonymous.
func (pub *Publication) isBy(publisher *ClientInfo) bool {
	if pub.Info == nil {
		return false
	}
	if publisher.User == "" {
		return pub.Info.Client == publisher.Client
	}
	return pub.Info.User == publisher.User
}
