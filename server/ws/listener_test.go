package ws

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"unicode/utf8"
)

const testKey = 0x9F81C3A5 // no byte is ASCII, so that masked text is visible

// small has limits that a short stream reaches, and allows each form of length except the longest.
var small = Rules{MaxMessage: 300, MaxFragments: 4}

// wide has the limits of the server.
var wide = Rules{MaxMessage: 1 << 16, MaxFragments: 64}

func masked(op Opcode, payload string) []byte {
	return AppendMaskedFrame(nil, op, testKey, []byte(payload))
}

// fragment returns a frame without FIN.
func fragment(op Opcode, payload string) []byte {
	b := masked(op, payload)
	b[0] &^= finBit
	return b
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// head returns the head of a masked frame, with the length in a field of 0, 2 or 8 bytes, valid or not.
func head(first byte, field int, length uint64) []byte {
	b := []byte{first}
	switch field {
	case 0:
		b = append(b, maskBit|byte(length))
	case 2:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|126), uint16(length))
	case 8:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|127), length)
	}
	return binary.LittleEndian.AppendUint32(b, testKey)
}

type received struct {
	op      Opcode
	payload string
}

// outcome is the result of a stream.
type outcome struct {
	messages []received
	err      error
}

func (h received) String() string {
	if len(h.payload) > 40 {
		return fmt.Sprintf("%x:%.40q... (%d)", byte(h.op), h.payload, len(h.payload))
	}
	return fmt.Sprintf("%x:%q", byte(h.op), h.payload)
}

func (o outcome) String() string { return fmt.Sprint(o.messages, " error ", o.err) }

// listener passes bytes to a Decoder as a connection does: each read uses the same buffer, which the next one overwrites.
type listener struct {
	t       testing.TB
	rules   *Rules
	decoder Decoder
	buf     []byte
	outcome
}

func (l *listener) read(piece []byte) {
	for i := range l.buf {
		l.buf[i] = 0xEE
	}
	l.buf = append(l.buf[:0], piece...)
	for in := l.buf; len(in) > 0 && l.err == nil; {
		m, rest, err := l.decoder.Next(l.rules, in)
		l.checkMemory()
		if err != nil {
			if code := closeCode(err); code != CloseProtocolError && code != CloseInvalidData && code != ClosePolicy &&
				code != CloseTooBig {
				l.t.Fatalf("got error %v, want a *CloseError of 1002, 1007, 1008 or 1009", err)
			}
			l.err = err
			return
		}
		if m.Op == OpContinuation {
			if len(rest) > 0 || len(m.Payload) > 0 {
				l.t.Fatalf("got %d bytes back and %d of payload with no message, want none", len(rest), len(m.Payload))
			}
			return
		}
		if len(rest) >= len(in) {
			l.t.Fatalf("got %d bytes back of %d, want fewer", len(rest), len(in))
		}
		if !bytes.Equal(rest, piece[len(piece)-len(rest):]) {
			l.t.Fatalf("got % x behind the message, want it untouched: % x", rest, piece[len(piece)-len(rest):])
		}
		l.checkMessage(m)
		l.messages = append(l.messages, received{m.Op, string(m.Payload)})
		in = rest
	}
}

func (l *listener) readCut(stream []byte, cuts []int) {
	from := 0
	for _, cut := range append(cuts, len(stream)) {
		if cut > from && l.err == nil {
			l.read(stream[from:cut])
			from = cut
		}
	}
}

func (l *listener) checkMessage(m Message) {
	most := l.rules.MaxMessage
	if m.Op.isControl() {
		most = maxControlPayload
	}
	if len(m.Payload) > most {
		l.t.Fatalf("got a message of %d bytes, want at most %d", len(m.Payload), most)
	}
	if m.Op == OpText && !utf8.Valid(m.Payload) {
		l.t.Fatalf("got text % x, want UTF-8", m.Payload)
	}
}

// checkMemory allows for append, which at most doubles the capacity and rounds it up.
func (l *listener) checkMemory() {
	p := l.decoder.partial
	if p == nil {
		return
	}
	if len(p.data) > l.rules.MaxMessage || cap(p.data) > 2*l.rules.MaxMessage+256 {
		l.t.Fatalf("got %d of %d bytes held, want at most %d and its growth", len(p.data), cap(p.data), l.rules.MaxMessage)
	}
	if len(p.control) > maxControlPayload || cap(p.control) > 256 {
		l.t.Fatalf("got %d of %d bytes held for a control frame, want at most %d", len(p.control), cap(p.control),
			maxControlPayload)
	}
	if p.headLen == 0 && !p.inFrame && p.fragments == 0 {
		l.t.Fatal("got memory held by an idle decoder, want none")
	}
}

// listen passes a stream to a Decoder, cut at the given places.
func listen(t testing.TB, rules *Rules, stream []byte, cuts ...int) outcome {
	l := listener{t: t, rules: rules}
	l.readCut(stream, cuts)
	return l.outcome
}

func everyByte(stream []byte) []int {
	cuts := make([]int, len(stream))
	for i := range cuts {
		cuts[i] = i
	}
	return cuts
}

// checkEveryCut passes a stream to a Decoder as a whole, byte by byte, in two reads and in random reads. The results must agree. It returns
// the result.
func checkEveryCut(t *testing.T, rules *Rules, stream []byte) outcome {
	t.Helper()
	want := listen(t, rules, stream)
	check := func(how string, cuts ...int) {
		t.Helper()
		if got := listen(t, rules, stream, cuts...); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: got %v, want as when fed whole, %v", how, got, want)
		}
	}
	check("byte by byte", everyByte(stream)...)
	for cut := range stream {
		// A long stream is cut at its ends only; what it has in the middle is one payload.
		if len(stream) < 2048 || cut < 20 || cut > len(stream)-20 {
			check(fmt.Sprintf("cut at %d", cut), cut)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		check("cut at random", randomCuts(rng, len(stream))...)
	}
	return want
}

func randomCuts(rng *rand.Rand, n int) []int {
	var cuts []int
	most := 1 + rng.IntN(1+n)
	for at := 0; at < n; at += 1 + rng.IntN(most) {
		cuts = append(cuts, at)
	}
	return cuts
}
