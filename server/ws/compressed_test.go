package ws

import (
	"bytes"
	"strings"
	"testing"
)

var compressedRules = Rules{MaxMessage: 10, MaxCompressed: 14, MaxFragments: 4}

// withRSV1 sets RSV1 of the first frame of a stream.
func withRSV1(stream []byte) []byte {
	stream[0] |= rsv1Bit
	return stream
}

func TestCompressedMessages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		rules  Rules
		stream []byte
		want   []Message
		code   CloseCode // of the error; 0 for none
	}{
		{
			name: "one frame", rules: compressedRules,
			stream: withRSV1(masked(OpText, "\xff\xfe")), // a compressed text is not UTF-8
			want:   []Message{{Op: OpText, Compressed: true, Payload: []byte("\xff\xfe"), Frames: 1}},
		},
		{
			name: "binary", rules: compressedRules,
			stream: withRSV1(masked(OpBinary, "a")),
			want:   []Message{{Op: OpBinary, Compressed: true, Payload: []byte("a"), Frames: 1}},
		},
		{
			name: "fragments with a ping between them", rules: compressedRules,
			stream: join(withRSV1(fragment(OpText, "\xff")), masked(OpPing, "p"), fragment(OpContinuation, "\xfe"), masked(OpContinuation, "\xfd")),
			want: []Message{
				{Op: OpPing, Payload: []byte("p"), Frames: 1},
				{Op: OpText, Compressed: true, Payload: []byte("\xff\xfe\xfd"), Frames: 3},
			},
		},
		{
			name: "others between them", rules: compressedRules,
			stream: join(masked(OpText, "a"), withRSV1(masked(OpText, "b")), masked(OpText, "c"), fragment(OpText, "d"), masked(OpContinuation, "e")),
			want: []Message{
				{Op: OpText, Payload: []byte("a"), Frames: 1},
				{Op: OpText, Compressed: true, Payload: []byte("b"), Frames: 1},
				{Op: OpText, Payload: []byte("c"), Frames: 1},
				{Op: OpText, Payload: []byte("de"), Frames: 2},
			},
		},
		{
			name: "the limit of compressed bytes", rules: compressedRules,
			stream: withRSV1(masked(OpText, strings.Repeat("a", 14))),
			want:   []Message{{Op: OpText, Compressed: true, Payload: bytes.Repeat([]byte("a"), 14), Frames: 1}},
		},
		{
			name: "the limit in fragments", rules: compressedRules,
			stream: join(withRSV1(fragment(OpText, strings.Repeat("a", 7))), masked(OpContinuation, strings.Repeat("a", 7))),
			want:   []Message{{Op: OpText, Compressed: true, Payload: bytes.Repeat([]byte("a"), 14), Frames: 2}},
		},
		{name: "over the limit", rules: compressedRules, stream: withRSV1(masked(OpText, strings.Repeat("a", 15))), code: CloseTooBig},
		{
			name: "over the limit in fragments", rules: compressedRules, code: CloseTooBig,
			stream: join(withRSV1(fragment(OpText, strings.Repeat("a", 7))), masked(OpContinuation, strings.Repeat("a", 8))),
		},
		{name: "over the limit without compression", rules: compressedRules, stream: masked(OpText, strings.Repeat("a", 11)), code: CloseTooBig},
		{name: "not UTF-8 without compression", rules: compressedRules, stream: masked(OpText, "\xff"), code: CloseInvalidData},
		{
			name: "not UTF-8 behind a compressed message", rules: compressedRules, code: CloseInvalidData,
			stream: join(withRSV1(fragment(OpText, "\xff")), masked(OpContinuation, ""), fragment(OpText, "\xff")),
			want:   []Message{{Op: OpText, Compressed: true, Payload: []byte("\xff"), Frames: 2}},
		},
		{name: "not negotiated", rules: Rules{MaxMessage: 10, MaxFragments: 4}, stream: withRSV1(masked(OpText, "a")), code: CloseProtocolError},
		{name: "on a ping", rules: compressedRules, stream: withRSV1(masked(OpPing, "")), code: CloseProtocolError},
		{name: "on a pong", rules: compressedRules, stream: withRSV1(masked(OpPong, "")), code: CloseProtocolError},
		{name: "on a close", rules: compressedRules, stream: withRSV1(masked(OpClose, "")), code: CloseProtocolError},
		{name: "on a continuation", rules: compressedRules, stream: join(fragment(OpText, "a"), withRSV1(masked(OpContinuation, "b"))), code: CloseProtocolError},
		{
			name: "on a continuation of a compressed message", rules: compressedRules, code: CloseProtocolError,
			stream: join(withRSV1(fragment(OpText, "a")), withRSV1(masked(OpContinuation, "b"))),
		},
		{name: "with RSV2", rules: compressedRules, stream: head(0xE1, 0, 0), code: CloseProtocolError},
		{name: "RSV3", rules: compressedRules, stream: head(0x91, 0, 0), code: CloseProtocolError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, part := range []int{1, 3, len(tt.stream)} {
				got, code := decodeParts(&tt.rules, tt.stream, part)
				if code != tt.code || len(got) != len(tt.want) {
					t.Fatalf("in parts of %d: got %d messages and close %d, want %d and %d", part, len(got), code, len(tt.want), tt.code)
				}
				for i, m := range got {
					want := tt.want[i]
					if m.Op != want.Op || m.Compressed != want.Compressed || m.Frames != want.Frames || !bytes.Equal(m.Payload, want.Payload) {
						t.Errorf("in parts of %d: got %+v, want %+v", part, m, want)
					}
				}
			}
		})
	}
}

// decodeParts decodes a stream that comes in reads of part bytes.
func decodeParts(rules *Rules, stream []byte, part int) (all []Message, code CloseCode) {
	var d Decoder
	for at := 0; at < len(stream); at += part {
		in := bytes.Clone(stream[at:min(at+part, len(stream))])
		for len(in) > 0 {
			m, rest, err := d.Next(rules, in)
			if err != nil {
				return all, err.(*CloseError).Code
			}
			if m.Op != OpContinuation {
				m.Payload = bytes.Clone(m.Payload)
				all = append(all, m)
			}
			in = rest
		}
	}
	return all, 0
}

func TestACompressedFrameIsAFrameWithRSV1(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 125, 126, 0xFFFF, 0x10000} {
		payload := letters(n)
		plain, compressed := AppendFrame(nil, OpText, payload), AppendCompressedFrame([]byte("x"), OpText, payload)[1:]
		if compressed[0] != plain[0]|rsv1Bit || !bytes.Equal(compressed[1:], plain[1:]) {
			t.Errorf("%d bytes: got head %x, want %x with RSV1", n, compressed[:2], plain[:2])
		}
		if op, got := ParseFrame(plain); op != OpText || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: got %v and %d bytes back", n, op, len(got))
		}
	}
}
