package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throng-chat/throng/server/testkit"
)

// bitWriter writes the bits of a stream (RFC 1951, 3.1.1).
type bitWriter struct {
	b []byte
	n int // bits
}

func (w *bitWriter) put(value uint32, bits int) {
	for i := range bits {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(value>>i&1) << (w.n % 8)
		w.n++
	}
}

// emptyBlock writes a block with dynamic codes and without content, which is the most expensive one for its 13 bytes.
func (w *bitWriter) emptyBlock() {
	w.put(0, 1)                                                                             // not the last
	w.put(2, 2)                                                                             // dynamic
	w.put(0, 5)                                                                             // 257 codes of literals
	w.put(0, 5)                                                                             // one of distances
	w.put(14, 4)                                                                            // 18 code lengths of code lengths, in the order of 3.2.7
	for _, length := range []uint32{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1} { // of the symbols 18 and 1
		w.put(length, 3)
	}
	w.put(1, 1) // 138 times 0
	w.put(127, 7)
	w.put(1, 1) // 118 times 0
	w.put(107, 7)
	w.put(0, 2) // 1 for the end of the block, 1 for the distance
	w.put(0, 1) // the end
}

func noise(n int, spread float64) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.NormFloat64() * spread)
	}
	return b
}

// However a message is compressed, a step reads and makes a bounded number of bytes, and the message comes out as it was.
func TestAStepIsBounded(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	text := []byte{}
	for i := 0; len(text) < size; i++ {
		text = append(text, chatMessage(i, 1000)...)
	}
	flushed := &bytes.Buffer{}
	w, err := flate.NewWriter(flushed, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(text[:200_000], 40) { // a client that flushes after each few bytes
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name       string
		compressed []byte
		want       []byte
		steps      int // at least
	}{
		{"zeros", testkit.Deflate(t, make([]byte, size), 9), make([]byte, size), size / stepOutput / 2},
		{"text", testkit.Deflate(t, text[:size], 6), text[:size], 20},
		{"noise", testkit.Deflate(t, noise(1<<20, 1e6), 6), nil, 20},
		{"literals", testkit.Deflate(t, noise(1<<20, 40), flate.HuffmanOnly), nil, 20},
		{"flushed often", bytes.TrimSuffix(flushed.Bytes(), []byte(emptyBlock)), text[:200_000], 2},
		{"short", testkit.Deflate(t, text[:20_000], 6), text[:20_000], 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := NewInflater()
			defer i.Release()
			i.Begin(bytes.Clone(tt.compressed), size)
			steps := 0
			for {
				in, out := i.at, len(i.out)
				done, err := i.Step()
				if err != nil {
					t.Fatal(err)
				}
				if in, out = i.at-in, len(i.out)-out; in > stepInput+MaxPerWindow || out > stepOutput+maxDistance {
					t.Fatalf("step %d: got %d bytes from %d, want at most %d from %d", steps, out, in, stepOutput+maxDistance, stepInput+MaxPerWindow)
				}
				if steps++; done {
					break
				}
			}
			if steps < tt.steps || tt.steps == 1 && steps > 1 {
				t.Errorf("got %d steps, want %d", steps, tt.steps)
			}
			if want := tt.want; want != nil && !bytes.Equal(i.Payload(), want) || want == nil && !bytes.Equal(i.Payload(), inflated(t, tt.compressed)) {
				t.Errorf("got other bytes: %d, want %d", len(i.Payload()), len(want))
			}
		})
	}
}

// Blocks without content cost time and never end. The Inflater reads MaxPerWindow bytes of them.
func TestBlocksWithoutContentAreRejected(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		payload []byte
		want    error
	}{
		{"few", contentless(100), nil},
		{"many", contentless(1 << 20 / 13), ErrTooBig},
		{"many behind content", append(testkit.Deflate(t, noise(100_000, 40), 6), append([]byte("\x00\x00\xff\xff"), contentless(MaxPerWindow/13+3000)...)...), ErrTooBig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := NewInflater()
			defer i.Release()
			i.Begin(tt.payload, 16<<20)
			var done bool
			var err error
			var before int
			for !done && err == nil {
				before = i.at
				done, err = i.Step()
			}
			if !errors.Is(err, tt.want) || i.at-before > stepInput+MaxPerWindow {
				t.Errorf("got %v after %d bytes of the step, want %v", err, i.at-before, tt.want)
			}
		})
	}
}

// contentless is some blocks without content, and an empty block without compression, whose last four bytes are not sent.
func contentless(n int) []byte {
	w := &bitWriter{}
	for range n {
		w.emptyBlock()
	}
	w.put(0, 3)
	return w.b
}
