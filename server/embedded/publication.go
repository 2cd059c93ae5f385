package embedded

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/chat"
)

// Publication is a publication in a room. Its bytes, tags and infos are shared with other receivers: do not change them.
type Publication struct {
	Room string
	Type DataType
	Data []byte
	Tags map[string]string

	// The publisher. Empty for a publication of the application or of a plain client.
	User, Client       string
	ConnInfo, ChanInfo json.RawMessage

	// Of a publication in the history of the room, else zero.
	Position Position
	Time     time.Time
}

// Position is a place in the sequence of publications of a room. With it, another subscription continues behind the publication. An empty epoch
// matches every epoch.
type Position struct {
	Offset uint64 `json:"offset"`
	Epoch  string `json:"epoch"`
}

// DataType is the type of the data of a publication.
type DataType uint8

const (
	JSON   DataType = iota // of an SDK client or of the application
	Text                   // of a plain client, in UTF-8. It may be JSON
	Binary                 // of a plain client, or of an SDK client in Protobuf
)

// publicationOf returns a publication of a batch.
func publicationOf(room, epoch string, p *chat.Publication) Publication {
	pub := Publication{Room: room, Data: p.Data, Tags: p.Tags}
	switch p.Form {
	case chat.FormText:
		pub.Type = Text
	case chat.FormBytes:
		pub.Type = Binary
	}
	if p.Info != nil {
		pub.User, pub.Client, pub.ConnInfo, pub.ChanInfo = p.Info.User, p.Info.Client, p.Info.ConnInfo, p.Info.ChanInfo
	}
	if p.Offset > 0 {
		pub.Position = Position{p.Offset, epoch}
	}
	if p.UnixMilli > 0 {
		pub.Time = time.UnixMilli(p.UnixMilli)
	}
	return pub
}

// Typed returns a function for a subscription whose publications are all JSON of one type. Another publication ends the subscription with an error.
func Typed[T any](do func(Publication, T) error) func(Publication) error {
	return func(p Publication) error {
		var data T
		if err := json.Unmarshal(p.Data, &data); err != nil {
			return fmt.Errorf("decode a publication in %q: %w", p.Room, err)
		}
		return do(p, data)
	}
}

// Gap is a part of the sequence of a room, or of those of the rooms of a pattern, that a subscription does not receive.
type Gap struct {
	Room string // or the pattern

	// Lost is the number of publications. Unknown is true if there may be more: the room has another epoch, for example after a restart without a
	// data directory. Then the subscription continues with the oldest publication of that epoch, which it may have received before. For a pattern: this
	// node of a cluster was cut off from the others, and may have missed publications.
	Lost    uint64
	Unknown bool

	Next Position // the subscription continues behind it; zero for a pattern
}

// GapError is the error of a subscription without a function for gaps.
type GapError struct{ Gap }

func (ge *GapError) Error() string {
	if ge.Unknown {
		return fmt.Sprintf("publications in %q are lost: its position is of another epoch, or this node was cut off from its cluster", ge.Room)
	}
	return fmt.Sprintf("%d publications in %q are lost: the subscription was too slow, or the history does not have them", ge.Lost, ge.Room)
}
