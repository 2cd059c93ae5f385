package chat

import (
	"bytes"
	"strings"

	"github.com/throng-chat/throng/server/record"
)

// encodeInfo returns the publisher of a publication as a record has it; nil for nil.
func encodeInfo(i *ClientInfo) []byte {
	if i == nil {
		return nil
	}
	p := record.Publisher{User: i.User, Client: i.Client, ConnInfo: i.ConnInfo, ChanInfo: i.ChanInfo}
	return p.Append(make([]byte, 0, i.Size()+4*3))
}

// decodeInfo returns the publisher of a record, without shared memory; nil for none, or if the bytes are not a publisher.
func decodeInfo(b []byte) *ClientInfo {
	p, err := record.ParsePublisher(b)
	if len(b) == 0 || err != nil {
		return nil
	}
	return &ClientInfo{User: strings.Clone(p.User), Client: strings.Clone(p.Client), ConnInfo: bytes.Clone(p.ConnInfo), ChanInfo: bytes.Clone(p.ChanInfo)}
}
