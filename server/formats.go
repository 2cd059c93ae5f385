package server

import "github.com/throng-chat/throng/server/fanout"

// formatCodec makes the frames of one format.
type formatCodec struct {
	// publication makes the frame of a publication in a room; in a format of deltas, against the one before, nil for none. deltas is how
	// many nanoseconds of the shard's round are left for deltas; what is used is subtracted.
	publication func(room string, p, before *publication, deltas *int) []byte

	// joinLeave makes the frame that tells of a client that came or went; nil in a format without such frames.
	joinLeave func(room string, info *clientInfo, joined bool) []byte

	// whole is the format in which a member receives a publication that is not told as a delta; in a format without deltas, the format
	// itself.
	whole fanout.Format
}

// maxFormats bounds the formats of a hub.
const maxFormats = 6

// formats are those in which members receive publications, joins and leaves. plainFormat is one of them.
type formats [maxFormats]formatCodec
