package session

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/centrifugal/fdelta"
)

// How the time that deltas take on a shard is bounded. The search for a delta takes a time that grows with the product of the two
// lengths where the data is made for it: 120 µs at 2 KiB, 4 ms at 16 KiB. So longer data is compared from both ends instead, which finds
// one change, or several that are near each other, in a time that grows with the length; and a round has a budget, behind which
// publications are sent whole, as the protocol allows.

const MaxSearch = 2 << 10 // bytes of data that are searched for what they have in common

// DeltaCost is how many nanoseconds a delta takes at most, about.
func DeltaCost(was, content []byte) int {
	if searched(was, content) {
		return 2*(len(was)+len(content)) + len(was)*len(content)/16
	}
	return 2 * (len(was) + len(content))
}

func searched(was, content []byte) bool { return len(was) <= MaxSearch && len(content) <= MaxSearch }

// DeltaOf is a fossil delta that makes content out of was. It may be longer than content.
func DeltaOf(was, content []byte) []byte {
	if searched(was, content) {
		return fdelta.Create(was, content)
	}
	return TrimmedDelta(was, content)
}

// TrimmedDelta is a delta that copies what was and content begin and end with in common, and adds what is between. What it adds begins
// and ends where characters do.
func TrimmedDelta(was, content []byte) []byte {
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

// appendCopy appends the command to copy n bytes from a place.
func appendCopy(d []byte, n, from int) []byte {
	d = append(appendDeltaInt(d, uint32(n)), '@')
	return append(appendDeltaInt(d, uint32(from)), ',')
}

// appendDeltaInt appends a number as fossil deltas have it: six bits a digit, the highest first.
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

// deltaChecksum is the sum of content's words of four bytes, the last filled up with zeros.
func deltaChecksum(content []byte) (sum uint32) {
	for ; len(content) >= 4; content = content[4:] {
		sum += binary.BigEndian.Uint32(content)
	}
	var last [4]byte
	copy(last[:], content)
	return sum + binary.BigEndian.Uint32(last[:])
}
