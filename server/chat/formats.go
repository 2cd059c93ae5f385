package chat

import "github.com/throng-chat/throng/server/fanout"

// FormatCodec makes the frames of one format.
type FormatCodec struct {
	// publication makes the frame of a publication in a room; in a format of deltas, against the one before, nil for none. deltas is how
	// many nanoseconds of the shard's round are left for deltas; what is used is subtracted.
	Publication func(room string, p, before *Publication, deltas *int) []byte

	// joinLeave makes the frame that tells of a client that came or went; nil in a format without such frames.
	JoinLeave func(room string, info *ClientInfo, joined bool) []byte

	// whole is the format in which a member receives a publication that is not told as a delta; in a format without deltas, the format
	// itself.
	Whole fanout.Format
}

// maxFormats bounds the formats of a hub.
const maxFormats = 6

// Formats are those in which members receive publications, joins and leaves. plainFormat is one of them.
type Formats [maxFormats]FormatCodec

// PlainFormat is how a plain client receives its room: what was published, as it was published.
const PlainFormat fanout.Format = 0

// messageOverhead is about what a push adds to its data.
const messageOverhead = 64
