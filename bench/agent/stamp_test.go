package agent

import (
	"errors"
	"math"
	"testing"
	"unicode/utf8"
)

func TestStampRoundTrip(t *testing.T) {
	for _, want := range []stamp{
		{},
		{run: 1, publisher: 2, seq: 3, lag: 5, intended: 4},
		{run: math.MaxUint32, publisher: 1<<30 - 1, seq: math.MaxUint32, lag: maxLag, intended: math.MaxInt64},
		{run: 0xDEADBEEF, publisher: 19_899, seq: 1 << 31, intended: -1},
	} {
		b := make([]byte, StampSize)
		want.put(b)
		if got, err := parseStamp(b); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if !utf8.Valid(b) {
			t.Errorf("stamp %q is not UTF-8", b)
		}
	}
}

func TestEveryAlteredByteOfAStampIsFound(t *testing.T) {
	b := make([]byte, StampSize)
	stamp{run: 0x1234ABCD, publisher: 7, seq: 99, intended: 1 << 50}.put(b)
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if s, err := parseStamp(b); err == nil {
				t.Errorf("byte %d, bit %d: got %+v, want an error", i, bit, s)
			}
			b[i] ^= 1 << bit
		}
	}
}

func TestAShortTextIsNotAStamp(t *testing.T) {
	for n := range StampSize {
		if _, err := parseStamp(make([]byte, n)); !errors.Is(err, errNoStamp) {
			t.Errorf("%d bytes: got %v, want %v", n, err, errNoStamp)
		}
	}
}

func FuzzStamp(f *testing.F) {
	good := make([]byte, StampSize)
	stamp{run: 1, publisher: 2, seq: 3, lag: 5, intended: 4}.put(good)
	f.Add(good)
	f.Add(append(good, "the rest"...))
	f.Add([]byte("hello"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseStamp(b)
		if err != nil {
			return
		}
		again := make([]byte, StampSize)
		s.put(again)
		if string(again) != string(b[:StampSize]) {
			t.Errorf("got %q, want %q", again, b[:StampSize])
		}
	})
}
