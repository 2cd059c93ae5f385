package session

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/centrifugal/fdelta"
)

// Limits of the time for deltas on a shard. For adversarial data, the search for a delta takes time proportional to the product of both lengths:
// 120 µs at 2 KiB, 4 ms at 16 KiB. Longer data is compared from both ends instead: that finds one change, or several close changes, in linear
// time. Each flush has a budget. After it is used up, publications are sent in full, which the protocol allows.

// MaxSearch is the size of data in bytes, at most, whose delta is searched.
const MaxSearch = 2 << 10

// DeltaCost estimates the time for a delta in nanoseconds.
func DeltaCost(was, content []byte) int {
	if searched(was, content) {
		return 2*(len(was)+len(content)) + len(was)*len(content)/16
	}
	return 2 * (len(was) + len(content))
}

func searched(was, content []byte) bool { return len(was) <= MaxSearch && len(content) <= MaxSearch }

// DeltaOf returns a Fossil delta from was to content. It may be longer than content.
func DeltaOf(was, content []byte) []byte {
	if searched(was, content) {
		return fdelta.Create(was, content)
	}
	return trimmedDelta(was, content)
}

// trimmedDelta returns a delta that copies the common prefix and suffix of was and content, and inserts the rest. The inserted part contains
// complete UTF-8 characters.
func trimmedDelta(was, content []byte) []byte {
	shorter := min(len(was), len(content))
	begin := 0
	for begin < shorter && was[begin] == content[begin] {
		begin++
	}
	for begin > 0 && begin < len(content) && !utf8.RuneStart(content[begin]) {
		begin--
	}
	end := 0
	for end < shorter-begin && was[len(was)-1-end] == content[len(content)-1-end] {
		end++
	}
	for end > 0 && !utf8.RuneStart(content[len(content)-end]) {
		end--
	}
	added := content[begin : len(content)-end]
	d := append(appendDeltaInt(make([]byte, 0, len(added)+64), uint32(len(content))), '\n')
	if begin > 0 {
		d = appendCopy(d, begin, 0)
	}
	if len(added) > 0 {
		d = append(append(appendDeltaInt(d, uint32(len(added))), ':'), added...)
	}
	if end > 0 {
		d = appendCopy(d, end, len(was)-end)
	}
	return append(appendDeltaInt(d, deltaChecksum(content)), ';')
}

// appendCopy appends the command that copies n bytes from an offset.
func appendCopy(d []byte, n, from int) []byte {
	d = append(appendDeltaInt(d, uint32(n)), '@')
	return append(appendDeltaInt(d, uint32(from)), ',')
}

// appendDeltaInt appends a number in the format of Fossil deltas: six bits a digit, most significant digit first.
func appendDeltaInt(d []byte, v uint32) []byte {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
	shift := 0
	for v>>shift > 63 {
		shift += 6
	}
	for ; shift >= 0; shift -= 6 {
		d = append(d, digits[v>>shift&63])
	}
	return d
}

// deltaChecksum returns the sum of the 4-byte words of content, padded with zeros.
func deltaChecksum(content []byte) (sum uint32) {
	for ; len(content) >= 4; content = content[4:] {
		sum += binary.BigEndian.Uint32(content)
	}
	var last [4]byte
	copy(last[:], content)
	return sum + binary.BigEndian.Uint32(last[:])
}
