package agent

import (
	"encoding/binary"
	"errors"
	"math"
)

// StampSize is the number of bytes of a stamp, and so the smallest size of a message.
const StampSize = 40

// A stamp is the head of a message: its identity, its scheduled time, and its send delay. It is text of fixed width in 64 characters,
// because a text message must be UTF-8 and may be part of a JSON string:
//
//	run 6 | publisher 5 | sequence 6 | check 6 | lag 6 | intended 11
//
// A receiver compares it with the log as five words and does not decode it (poller.go). Only the first receiver of a message does.
type stamp struct {
	run       uint32
	publisher uint32 // the number of its connection, below 2^30
	seq       uint32 // of this publisher, from 0
	lag       int64  // nanoseconds from the scheduled time to the send, at most maxLag
	intended  int64  // scheduled time, in nanoseconds of the coordinator's clock
}

// maxLag is the largest lag that a stamp can hold: 68 s.
const maxLag = 1<<36 - 1

// runSize is the length of the mark at the beginning of all stamps of a run.
const runSize = 6

// stampWords is an encoded stamp.
type stampWords [StampSize / 8]uint64

var (
	errNoStamp    = errors.New("no stamp")
	errStampCheck = errors.New("wrong checksum of the stamp")
)

// sum returns the checksum of the stamp.
func (st stamp) sum() uint32 {
	h := uint64(st.run)<<32 | uint64(st.publisher)
	h = scramble(h) ^ uint64(st.seq)
	h = scramble(h) ^ uint64(st.lag)
	h = scramble(h) ^ uint64(st.intended)
	return uint32(scramble(h) >> 32)
}

// scramble returns a hash of x.
func scramble(x uint64) uint64 {
	x ^= x >> 32
	x *= 0xD6E8FEB86659FD93
	x ^= x >> 32
	x *= 0xD6E8FEB86659FD93
	return x ^ x>>32
}

// put writes the stamp into the first StampSize bytes of b.
func (st stamp) put(b []byte) {
	_ = b[StampSize-1]
	putDigits(b[0:6], uint64(st.run))
	putDigits(b[6:11], uint64(st.publisher))
	putDigits(b[11:17], uint64(st.seq))
	putDigits(b[17:23], uint64(st.sum()))
	putDigits(b[23:29], uint64(st.lag))
	putDigits(b[29:40], uint64(st.intended))
}

// parseStamp reads the stamp at the beginning of b. With errStampCheck it also returns the stamp as found.
func parseStamp(b []byte) (stamp, error) {
	if len(b) < StampSize {
		return stamp{}, errNoStamp
	}
	run, ok1 := digits(b[0:6])
	publisher, ok2 := digits(b[6:11])
	seq, ok3 := digits(b[11:17])
	check, ok4 := digits(b[17:23])
	lag, ok5 := digits(b[23:29])
	intended, ok6 := digits(b[29:40])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || max(run, seq, check) > math.MaxUint32 {
		return stamp{}, errNoStamp
	}
	s := stamp{run: uint32(run), publisher: uint32(publisher), seq: uint32(seq), lag: int64(lag), intended: int64(intended)}
	if uint64(s.sum()) != check {
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

// stamp decodes the words of a stamp that was checked.
func (w stampWords) stamp() stamp {
	var b [StampSize]byte
	for i := range w {
		binary.LittleEndian.PutUint64(b[8*i:], w[i])
	}
	s, err := parseStamp(b[:])
	if err != nil {
		panic(err) // it was parsed before
	}
	return s
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-"

// putDigits writes v in base 64, the highest digit first.
func putDigits(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = alphabet[v&63]
		v >>= 6
	}
}

// digitValue is the value of each digit, or 0xFF for other characters.
var digitValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	for i, c := range []byte(alphabet) {
		t[c] = byte(i)
	}
	return t
}()

// digits reads what putDigits wrote. It returns false for other characters, and for values that exceed 64 bits.
func digits(b []byte) (v uint64, ok bool) {
	var all byte
	for _, c := range b {
		d := digitValue[c]
		all |= d
		if v>>58 != 0 {
			return 0, false
		}
		v = v<<6 | uint64(d&63)
	}
	return v, all < 64
}
