package ws

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// lengths are the payload lengths at which the head of a frame changes its form.
var lengths = []int{0, 1, 125, 126, 127, 65535, 65536}

var sink []byte

// letters returns n bytes of text, in which a missing or repeated byte is visible.
func letters(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i%23)
	}
	return b
}

func TestAFrameComesBackAsItWasSent(t *testing.T) {
	for _, op := range []Opcode{OpText, OpBinary} {
		for _, n := range lengths {
			for _, server := range []bool{false, true} {
				t.Run(fmt.Sprintf("opcode %d, %d bytes, from server %v", op, n, server), func(t *testing.T) {
					payload := letters(n)
					var b []byte
					if server {
						b = AppendFrame(nil, op, payload)
					} else {
						b = AppendMaskedFrame(nil, op, 0xA1B2C3D4, payload)
					}
					rules := Rules{MaxMessage: 1 << 20, MaxFragments: 1, FromServer: server}
					var d Decoder
					m, rest, err := d.Next(&rules, b)
					if err != nil || m.Op != op || !bytes.Equal(m.Payload, payload) || len(rest) != 0 {
						t.Errorf("got opcode %d, %d bytes, %d left, error %v, want the frame that was sent",
							m.Op, len(m.Payload), len(rest), err)
					}
				})
			}
		}
	}
}

func TestFrameSizeIsTheLengthOfTheFrame(t *testing.T) {
	for _, n := range lengths {
		if got, want := FrameSize(n), len(AppendFrame(nil, OpText, letters(n))); got != want {
			t.Errorf("%d bytes: got %d, want %d", n, got, want)
		}
	}
}

func TestAFrameIsAppended(t *testing.T) {
	before := []byte("before")
	got := AppendFrame(bytes.Clone(before), OpText, []byte("hi"))
	if want := append(before, 0x81, 2, 'h', 'i'); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
	// 5.7: the masked "Hello" of the RFC.
	got = AppendMaskedFrame([]byte("before"), OpText, 0x3d21fa37, []byte("Hello"))
	want := append([]byte("before"), 0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58)
	if !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestMaskingLeavesThePayloadAlone(t *testing.T) {
	payload := letters(100)
	AppendMaskedFrame(nil, OpText, 0xFFFFFFFF, payload)
	if want := letters(100); !bytes.Equal(payload, want) {
		t.Errorf("got %q, want %q", payload, want)
	}
}

func TestEncodingAllocatesOnce(t *testing.T) {
	for _, n := range lengths {
		payload := letters(n)
		if got := testing.AllocsPerRun(20, func() { sink = AppendFrame(nil, OpText, payload) }); got != 1 {
			t.Errorf("%d bytes: got %v allocations, want 1", n, got)
		}
		if got := testing.AllocsPerRun(20, func() { sink = AppendMaskedFrame(nil, OpText, 1, payload) }); got != 1 {
			t.Errorf("%d bytes, masked: got %v allocations, want 1", n, got)
		}
		dst := make([]byte, 0, FrameSize(n))
		if got := testing.AllocsPerRun(20, func() { sink = AppendFrame(dst, OpText, payload) }); got != 0 {
			t.Errorf("%d bytes into %d: got %v allocations, want 0", n, cap(dst), got)
		}
	}
}

// The model is 5.3, byte by byte.
func TestMaskAtEveryAlignmentAndLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for start := range 9 {
		for n := range 71 {
			b := make([]byte, start+n+9)
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			key := rng.Uint32()
			want := bytes.Clone(b)
			for i := range n {
				want[start+i] ^= byte(key >> (8 * (i % 4)))
			}
			turned := mask(b[start:start+n], key)
			if !bytes.Equal(b, want) {
				t.Fatalf("start %d, %d bytes: got % x, want % x", start, n, b, want)
			}
			if want := key>>(8*(n%4)) | key<<(32-8*(n%4)); turned != want {
				t.Fatalf("start %d, %d bytes: got key %08x, want %08x", start, n, turned, want)
			}
		}
	}
}

func BenchmarkMask64K(b *testing.B) {
	for _, start := range []int{0, 1} {
		b.Run(fmt.Sprintf("start=%d", start), func(b *testing.B) {
			buf := make([]byte, 1<<16+1)[start : start+1<<16]
			b.SetBytes(int64(len(buf)))
			key := uint32(0xA1B2C3D4)
			for b.Loop() {
				key = mask(buf, key)
			}
		})
	}
}
