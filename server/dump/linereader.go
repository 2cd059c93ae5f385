package dump

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/throng-chat/throng/server/chat"
)

// MaxLine is the limit of the bytes of a line: a record of data in base64, or of text with escapes, fits.
const MaxLine = 8 << 20

// lineReader reads lines.
type lineReader struct {
	in     *bufio.Scanner
	number int // of the last line; the first has 1
}

func newLineReader(in io.Reader) *lineReader {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 1<<16), MaxLine)
	return &lineReader{in: s}
}

// next returns the next line without spaces around it, io.EOF after the last. It is valid until the next call.
func (lr *lineReader) next() ([]byte, error) {
	lr.number++
	if lr.in.Scan() {
		return bytes.TrimSpace(lr.in.Bytes()), nil
	}
	switch err := lr.in.Err(); err {
	case nil:
		return nil, io.EOF
	case bufio.ErrTooLong:
		return nil, fmt.Errorf("longer than %d bytes", MaxLine)
	default:
		return nil, err
	}
}

// parseLine decodes a line. Unknown members are errors: they would be lost.
func parseLine(line []byte) (*Line, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	l := &Line{}
	if err := d.Decode(l); err != nil {
		return nil, fmt.Errorf("is not a line of throng data export: %w", err)
	}
	if d.More() {
		return nil, fmt.Errorf("has more than one JSON object")
	}
	switch {
	case l.Kind == kindValue && l.Room == "": // of users
	case l.isTableLine() && l.Room == "":
	case !chat.ValidRoomName(l.Room):
		return nil, fmt.Errorf("room %q: must have 1 to %d bytes of visible UTF-8", l.Room, chat.MaxRoomName)
	case l.Kind != kindValue && len(l.Key) > chat.MaxIdempotencyKey:
		return nil, fmt.Errorf("key: has %d bytes, at most %d are allowed", len(l.Key), chat.MaxIdempotencyKey)
	}
	return l, nil
}
