package timeline

import (
	"encoding/binary"
	"fmt"
)

// cursor reads fields from b. After the first error, all fields are zero.
type cursor struct {
	b   []byte
	at  int
	err error
}

// fail sets the error, if there is none.
func (c *cursor) fail(field, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: byte %d: %s: %s", ErrSnapshot, c.at, field, fmt.Sprintf(format, args...))
	}
}

func (c *cursor) byte(field string) byte {
	if c.err != nil || c.at == len(c.b) {
		c.fail(field, "the snapshot ends")
		return 0
	}
	c.at++
	return c.b[c.at-1]
}

// uvarint reads a number in its shortest form.
func (c *cursor) uvarint(field string) uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.b[c.at:])
	if n <= 0 || n > 1 && c.b[c.at+n-1] == 0 {
		c.fail(field, "not a number in its shortest form")
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

// count reads a number of items, each of which has one byte at least.
func (c *cursor) count(field string, most int) int {
	n := c.uvarint(field)
	if left := len(c.b) - c.at; n > uint64(most) || n > uint64(left) {
		c.fail(field, "found %d, allowed: %d at most, with %d bytes left", n, most, left)
		return 0
	}
	return int(n)
}

// text reads a length and so many bytes, as a copy.
func (c *cursor) text(field string, most int) string {
	n := c.count(field, most)
	if c.err != nil {
		return ""
	}
	c.at += n
	return string(c.b[c.at-n : c.at])
}
