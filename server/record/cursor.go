package record

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// cursor reads fields from b. After the first error, all fields are zero.
type cursor struct {
	b     []byte
	at    int
	start int // of the entry that is read, for errors
	err   error
}

// fail sets the error, if there is none.
func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: byte %d of the entry at byte %d: %s", ErrMalformed, c.at-c.start, c.start, fmt.Sprintf(format, args...))
	}
}

func (c *cursor) byte(field string) byte {
	switch {
	case c.err != nil:
		return 0
	case c.at == len(c.b):
		c.fail("%s: the record ends", field)
		return 0
	}
	c.at++
	return c.b[c.at-1]
}

func (c *cursor) uvarint(field string) uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.b[c.at:])
	switch {
	case n == 0:
		c.fail("%s: the record ends", field)
		return 0
	case n < 0:
		c.fail("%s: the number has more than 64 bits", field)
		return 0
	case n > 1 && c.b[c.at+n-1] == 0:
		c.fail("%s: the number has needless bytes", field)
		return 0
	}
	c.at += n
	return v
}

// varint reads a zigzag number.
func (c *cursor) varint(field string) int64 {
	v := c.uvarint(field)
	return int64(v>>1) ^ -int64(v&1)
}

// text reads a length and so many bytes. The slice has no room beyond them.
func (c *cursor) text(field string) []byte {
	n := c.uvarint(field)
	if left := len(c.b) - c.at; n > uint64(left) {
		c.fail("%s: %d bytes, but the record ends after %d", field, n, left)
	}
	if c.err != nil {
		return nil
	}
	from := c.at
	c.at += int(n)
	return c.b[from:c.at:c.at]
}

// string reads a text without a copy.
func (c *cursor) string(field string) string {
	b := c.text(field)
	return unsafe.String(unsafe.SliceData(b), len(b))
}
