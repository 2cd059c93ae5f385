package chat

import "github.com/throng-chat/throng/server/fanout"

// FormatCodec encodes for the members of one format. Its functions are called on the shards.
type FormatCodec struct {
	// Publication returns the frame of a publication. A delta format encodes it against before; nil: in full. deltas is the time left for
	// deltas in the flush of the shard, in nanoseconds: Publication subtracts what it uses.
	Publication func(room string, p, before *Publication, deltas *int) []byte

	// JoinLeave returns the frame of a join or leave event; nil if the format has none.
	JoinLeave func(room string, info *ClientInfo, joined bool) []byte

	// Full is the format of full payloads: for a delta format, the format without deltas; else the format itself.
	Full fanout.Format
}

// maxFormats bounds the formats of a hub.
const maxFormats = 11

// ownFrames is the number of formats, the first ones, whose frame a Message stores itself. Those of the others are allocated when a member
// needs one, because most rooms have no such member.
const ownFrames = 6

// Formats has the codec of each format, by its number. PlainFormat is one of them.
type Formats [maxFormats]FormatCodec

// PlainFormat is the format of plain clients: the data of publications, without an envelope.
const PlainFormat fanout.Format = 0

// messageOverhead estimates the bytes that a push adds to its data.
const messageOverhead = 64
