package ws

import (
	"bytes"
	"fmt"
	"testing"
	"unsafe"
)

func TestAnIdleDecoderHoldsNothing(t *testing.T) {
	if got, want := unsafe.Sizeof(Decoder{}), unsafe.Sizeof(uintptr(0)); got != want {
		t.Errorf("got %d bytes, want %d", got, want)
	}
	var d Decoder
	if m, rest, err := d.Next(&small, nil); m.Op != OpContinuation || len(rest) > 0 || err != nil || d.partial != nil {
		t.Errorf("fed nothing: got %v, %d bytes back, error %v, %+v kept, want nothing", m, len(rest), err, d.partial)
	}
	for _, tt := range validStreams {
		t.Run(tt.name, func(t *testing.T) {
			for _, cuts := range [][]int{nil, everyByte(tt.bytes), {len(tt.bytes) - 1}} {
				// The listener looks at the decoder after each call, too.
				l := listener{t: t, rules: &small}
				l.readCut(tt.bytes, cuts)
				if l.decoder.partial != nil {
					t.Errorf("got %+v kept after the last message, want nothing", l.decoder.partial)
				}
			}
		})
	}
}

func TestAWholeMessageAllocatesNothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		stream []byte
	}{
		{
			name:   "text",
			stream: AppendMaskedFrame(nil, OpText, 0, []byte("hello")),
		},
		{
			name:   "binary of 64 KiB",
			stream: masked(OpBinary, string(letters(1<<16))),
		},
		{
			name:   "ping",
			stream: masked(OpPing, "p"),
		},
		{
			name:   "close",
			stream: AppendMaskedFrame(nil, OpClose, 0, []byte("\x03\xE8")),
		},
		{
			name:   "a thousand in one read",
			stream: bytes.Repeat(masked(OpText, ""), 1000),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d Decoder
			got := testing.AllocsPerRun(20, func() {
				for rest := tt.stream; len(rest) > 0; {
					var err error
					if _, rest, err = d.Next(&wide, rest); err != nil {
						t.Fatal(err)
					}
				}
			})
			if got != 0 {
				t.Errorf("got %v allocations, want 0", got)
			}
		})
	}
}

// The buffer doubles: that takes a few dozen allocations. Growth by the size of each read would take thousands.
func TestAMessageInManyPiecesIsNotCopiedForEach(t *testing.T) {
	stream := masked(OpBinary, string(letters(1<<16)))
	got := testing.AllocsPerRun(1, func() {
		var d Decoder
		for i := range stream {
			if _, _, err := d.Next(&wide, stream[i:i+1]); err != nil {
				t.Fatal(err)
			}
		}
	})
	if got > 50 {
		t.Errorf("got %v allocations, want at most 50", got)
	}
}

// forEachFrame decodes a stream in reads of 16 KiB, as a connection does. Unmasking is in place: the next pass undoes it.
func forEachFrame(b *testing.B, d *Decoder, stream []byte) {
	for len(stream) > 0 {
		read := stream[:min(len(stream), 16<<10)]
		stream = stream[len(read):]
		for len(read) > 0 {
			m, rest, err := d.Next(&wide, read)
			if err != nil {
				b.Fatal(err)
			}
			if m.Op == OpContinuation {
				break
			}
			read = rest
		}
	}
}

func BenchmarkDecode128B(b *testing.B) {
	frame := masked(OpBinary, string(letters(128)))
	text := AppendMaskedFrame(nil, OpText, 0, letters(128))
	for _, bb := range []struct {
		name  string
		frame []byte
	}{
		{"binary", frame},
		{"text", text},
	} {
		b.Run(bb.name, func(b *testing.B) {
			frames := 16 << 10 / len(bb.frame)
			stream := bytes.Repeat(bb.frame, frames)
			var d Decoder
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				forEachFrame(b, &d, stream)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*frames), "ns/frame")
		})
	}
}

// Many tiny frames in one read cost no more than their heads.
func BenchmarkDecodeTinyFrames(b *testing.B) {
	const size = 4 << 20
	message := []byte{}
	for range 63 {
		message = append(message, fragment(OpContinuation, "")...)
	}
	message[0] |= byte(OpBinary)
	message = append(message, masked(OpContinuation, "")...)
	for _, bb := range []struct {
		name   string
		stream []byte
	}{
		{"6 bytes", bytes.Repeat(masked(OpBinary, ""), size/6)},
		{"6 bytes, pings", bytes.Repeat(masked(OpPing, ""), size/6)},
		{"6 bytes, 64 fragments a message", bytes.Repeat(message, size/len(message))},
		{"64 KiB", bytes.Repeat(masked(OpBinary, string(letters(1<<16))), size>>16)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var d Decoder
			b.SetBytes(int64(len(bb.stream)))
			b.ReportAllocs()
			for b.Loop() {
				forEachFrame(b, &d, bb.stream)
			}
		})
	}
	b.Run("plain scan", func(b *testing.B) {
		stream := bytes.Repeat(masked(OpBinary, ""), size/6)
		b.SetBytes(int64(len(stream)))
		sum := 0
		for b.Loop() {
			for _, c := range stream {
				sum += int(c)
			}
		}
		sink = append(sink[:0], byte(sum))
	})
}

func BenchmarkDecode64KByteByByte(b *testing.B) {
	for _, op := range []Opcode{OpBinary, OpText} {
		b.Run(fmt.Sprintf("opcode=%d", op), func(b *testing.B) {
			stream := AppendMaskedFrame(nil, op, 0, letters(1<<16))
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				var d Decoder
				for i := range stream {
					if _, _, err := d.Next(&wide, stream[i:i+1]); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
