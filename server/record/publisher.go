package record

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Publisher is the content of the field info of an entry.
type Publisher struct {
	User     string // empty: anonymous
	Client   string // connection ID
	ConnInfo []byte // JSON; empty for none
	ChanInfo []byte // JSON; empty for none
}

// Append appends the encoding of a publisher.
func (p *Publisher) Append(b []byte) []byte {
	return appendText(appendText(appendText(appendText(b, p.User), p.Client), p.ConnInfo), p.ChanInfo)
}

// ParsePublisher decodes the field info of an entry. The result refers to b. The error wraps ErrMalformed.
func ParsePublisher(b []byte) (Publisher, error) {
	c := cursor{b: b}
	p := Publisher{User: c.string("user"), Client: c.string("client"), ConnInfo: c.text("connection info"), ChanInfo: c.text("channel info")}
	if c.err == nil && c.at < len(b) {
		c.fail("%d needless bytes", len(b)-c.at)
	}
	if c.err != nil {
		return Publisher{}, fmt.Errorf("info: %w", c.err)
	}
	return p, nil
}

// EpochBase is the base of the text of an epoch.
const EpochBase = 36

// Epoch returns the number of the epoch of a generation in the log with an ID. Clients receive it as text in EpochBase.
func Epoch(logID string, generation uint64) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(logID), generation))
	return binary.BigEndian.Uint64(sum[:])
}
