package bench

import (
	"encoding/binary"
	"errors"
)

// StampSize is how many bytes a message needs to be recognised: the smallest size of a message.
const StampSize = 48

// A stamp is the head of a message: which one it is, and when it was meant to leave. It is hexadecimal text of fixed
// width, as a text message must be UTF-8:
//
//	run 8 | publisher 8 | sequence 8 | check 8 | intended 16
//
// A receiver compares it with the log as six words and does not decode it (verify.go); only the first to see a message does.
type stamp struct {
	run       uint32
	publisher uint32
	seq       uint32 // of this publisher, from 0
	intended  int64  // nanoseconds of the sender's clock
}

// stampWords is a stamp as it travels.
type stampWords [StampSize / 8]uint64

var (
	errNoStamp    = errors.New("no stamp")
	errStampCheck = errors.New("stamp does not agree with its check")
)

// sum tells an altered stamp from a good one.
func (s stamp) sum() uint32 {
	h := uint64(s.run)<<32 | uint64(s.publisher)
	h = scramble(h) ^ uint64(s.seq)
	h = scramble(h) ^ uint64(s.intended)
	return uint32(scramble(h) >> 32)
}

// scramble spreads each bit of x over all.
func scramble(x uint64) uint64 {
	x ^= x >> 32
	x *= 0xD6E8FEB86659FD93
	x ^= x >> 32
	x *= 0xD6E8FEB86659FD93
	return x ^ x>>32
}

// put writes s into the first StampSize bytes of b.
func (s stamp) put(b []byte) {
	_ = b[StampSize-1]
	putHex(b, s.run)
	putHex(b[8:], s.publisher)
	putHex(b[16:], s.seq)
	putHex(b[24:], s.sum())
	putHex(b[32:], uint32(uint64(s.intended)>>32))
	putHex(b[40:], uint32(s.intended))
}

// parseStamp reads the stamp at the beginning of b. With errStampCheck the stamp is returned as found.
func parseStamp(b []byte) (stamp, error) {
	if len(b) < StampSize {
		return stamp{}, errNoStamp
	}
	var field [6]uint32
	for i := range field {
		v, ok := hex(b[8*i:])
		if !ok {
			return stamp{}, errNoStamp
		}
		field[i] = v
	}
	s := stamp{run: field[0], publisher: field[1], seq: field[2], intended: int64(uint64(field[4])<<32 | uint64(field[5]))}
	if s.sum() != field[3] {
		return s, errStampCheck
	}
	return s, nil
}

func loadStamp(b []byte) (w stampWords) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return w
}

const hexDigits = "0123456789abcdef"

func putHex(b []byte, v uint32) {
	for i := 7; i >= 0; i-- {
		b[i] = hexDigits[v&0xF]
		v >>= 4
	}
}

// hexValue is a digit's value, or 0xFF. Capitals are none of ours.
var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	for i, c := range []byte(hexDigits) {
		t[c] = byte(i)
	}
	return t
}()

func hex(b []byte) (v uint32, ok bool) {
	var all byte
	for _, c := range b[:8] {
		d := hexValue[c]
		all |= d
		v = v<<4 | uint32(d&0xF)
	}
	return v, all < 0x10
}

// filler is what a message carries behind its stamp: known to the receiver, so that any altered byte shows.
func filler(n int) string {
	const text = "the quick brown fox jumps over the lazy dog, and the room hears of it. "
	b := make([]byte, n)
	for i := 0; i < n; i += len(text) {
		copy(b[i:], text)
	}
	return string(b)
}
