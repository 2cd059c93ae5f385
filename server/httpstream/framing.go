package httpstream

import (
	"bytes"
	"strconv"
)

// Framing is how messages are written to an HTTP response. It has no state.
type Framing uint8

const (
	Events  Framing = iota // text/event-stream: a JSON message is an event
	Lines                  // a JSON message is a line
	Lengths                // a Protobuf message follows its length
)

const (
	crlf      = "\r\n"
	LastChunk = "0\r\n\r\n" // ends the body of a response
)

// ContentType returns the content type of a response.
func (f Framing) ContentType() string {
	switch f {
	case Events:
		return "text/event-stream"
	case Lines:
		return "application/json"
	default:
		return "application/octet-stream"
	}
}

// Before and After are the bytes around one message. A message in JSON must contain no line break: see OneLine. With Lengths, the message
// includes its length.
func (f Framing) Before() string {
	if f == Events {
		return "data: "
	}
	return ""
}

// After is described at Before.
func (f Framing) After() string {
	switch f {
	case Events:
		return "\n\n"
	case Lines:
		return "\n"
	default:
		return ""
	}
}

// AppendChunk appends a chunk with b, which is not empty. A nil dst is allocated with about the exact size.
func AppendChunk(dst, b []byte) []byte {
	if dst == nil {
		dst = make([]byte, 0, len(b)+maxChunkHead+len(crlf))
	}
	return append(append(AppendChunkHead(dst, len(b)), b...), crlf...)
}

const maxChunkHead = 10 // bytes: eight digits and CRLF

// AppendChunkHead appends the head of a chunk of n bytes. After the bytes, the chunk ends with ChunkEnd.
func AppendChunkHead(dst []byte, n int) []byte {
	return append(strconv.AppendUint(dst, uint64(n), 16), crlf...)
}

// ChunkEnd ends a chunk.
const ChunkEnd = crlf

// OneLine replaces the line breaks of valid JSON from an offset on, in place. Outside of strings they are white space, and strings have none.
func OneLine(b []byte, from int) {
	for b = b[from:]; ; b = b[1:] {
		at := bytes.IndexAny(b, "\r\n")
		if at < 0 {
			return
		}
		b[at] = ' '
		b = b[at:]
	}
}
