package deflate

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/testkit"
)

// chatMessage is a push of the SDK protocol of about size bytes.
func chatMessage(i, size int) []byte {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	words := strings.Fields("hello everyone the deploy of today is done please look at the dashboard before lunch because we have seen errors " +
		"in the payment service again and somebody must restart it thanks great idea tomorrow meeting coffee review merge branch release")
	var text []string
	for n := 0; n < size-280; {
		w := words[r.IntN(len(words))]
		text = append(text, w)
		n += len(w) + 1
	}
	return fmt.Appendf(nil, `{"push":{"channel":"chat:lobby","pub":{"data":{"id":"%016x","text":%q,"at":%d},"info":{"user":"%d","client":"%08x-%08x","conn_info":{"name":"User %d","avatar":"https://cdn.example.com/avatars/%d.png"}},"offset":%d}}}`,
		r.Uint64(), strings.Join(text, " "), 1764380000000+i, r.IntN(1000), r.Uint32(), r.Uint32(), r.IntN(1000), r.IntN(1000), i)
}

// inflated is what a client receives, by the standard library.
func inflated(t testing.TB, payload []byte) []byte {
	t.Helper()
	out, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader(messageEnd))))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestACompressedMessageIsShorterAndInflates(t *testing.T) {
	t.Parallel()
	c := NewCompressor()
	defer c.Release()
	for i := range 200 {
		payload := chatMessage(i, 300+10*i)
		small, ok := c.Message(payload)
		if !ok || len(small) >= len(payload)*4/5 {
			t.Fatalf("message of %d bytes: got %d, %v", len(payload), len(small), ok)
		}
		if got := inflated(t, small); !bytes.Equal(got, payload) {
			t.Fatalf("got %.60q, want %.60q", got, payload)
		}
	}
}

// Each message stands alone: the window of the one before it is forgotten.
func TestNoMessageRefersToAnother(t *testing.T) {
	t.Parallel()
	c := NewCompressor()
	defer c.Release()
	payload := chatMessage(1, 2000)
	first, _ := c.Message(payload)
	first = bytes.Clone(first)
	second, ok := c.Message(payload)
	if !ok || !bytes.Equal(first, second) {
		t.Errorf("got %d bytes, then %d; want the same form", len(first), len(second))
	}
}

func TestWhatIsNotCompressed(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for _, tt := range []struct {
		name    string
		payload []byte
		want    bool
	}{
		{"empty", nil, false},
		{"one byte less than the least", bytes.Repeat([]byte("a"), MinMessage-1), false},
		{"the least", bytes.Repeat([]byte("a"), MinMessage), true},
		{"the most", bytes.Repeat([]byte("a"), MaxMessage), true},
		{"one byte more than the most", bytes.Repeat([]byte("a"), MaxMessage+1), false},
		{"noise", noise, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := NewCompressor()
			defer c.Release()
			small, ok := c.Message(tt.payload)
			if ok != tt.want {
				t.Fatalf("got %v, want %v", ok, tt.want)
			}
			if ok && !bytes.Equal(inflated(t, small), tt.payload) {
				t.Error("another message came back")
			}
		})
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestInflate(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("hello ", 8000)
	// A stream that ends with BFINAL, and the block without compression behind it, whose last four bytes are not sent.
	var final bytes.Buffer
	w, err := flate.NewWriter(&final, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		payload []byte
		want    string
	}{
		{"the sample of 7.2.3.1", unhex("f2 48 cd c9 c9 07 00"), "Hello"},
		{"7.2.3.2, of the window of the message before it, when that is in the same message", unhex("f2 48 cd c9 c9 07 00 00 00 ff ff f2 00 11 00 00"), "HelloHello"},
		{"7.2.3.3, a block without compression", unhex("00 05 00 fa ff 48 65 6c 6c 6f 00"), "Hello"},
		{"7.2.3.4, with BFINAL", unhex("f3 48 cd c9 c9 07 00 00"), "Hello"},
		{"7.2.3.5, two blocks", unhex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00"), "Hello"},
		{"an empty message", unhex("00"), ""},
		{"an empty message by a fixed block", unhex("02 00"), ""},
		{"BFINAL and nothing behind it", final.Bytes(), text},
		{"BFINAL and the empty block", append(bytes.Clone(final.Bytes()), 0), text},
		{"a stream behind a stream", append(bytes.Clone(final.Bytes()), testkit.Deflate(t, []byte("more"), 9)...), text + "more"},
		{"level 9", testkit.Deflate(t, []byte(text), 9), text},
		{"level 1", testkit.Deflate(t, []byte(text), 1), text},
		{"level 0", testkit.Deflate(t, []byte(text), 0), text},
		{"Huffman only", testkit.Deflate(t, []byte(text), flate.HuffmanOnly), text},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := NewInflater()
			defer i.Release()
			got, err := i.Message(tt.payload, 64<<10)
			if err != nil || string(got) != tt.want {
				t.Fatalf("got %.40q (%d bytes), %v; want %.40q (%d bytes)", got, len(got), err, tt.want, len(tt.want))
			}
		})
	}
}

// A distance into the bytes of the stream before a BFINAL is legal.
func TestAStreamBehindAStreamHasItsWindow(t *testing.T) {
	t.Parallel()
	first := chatMessage(1, 1000)
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(first); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w, err = flate.NewWriterDict(&b, 9, first); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(first); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	i := NewInflater()
	defer i.Release()
	got, err := i.Message(bytes.TrimSuffix(b.Bytes(), []byte(emptyBlock)), 64<<10)
	if want := append(bytes.Clone(first), first...); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v; want %d bytes", len(got), err, len(want))
	}
}

func TestInflateRefuses(t *testing.T) {
	t.Parallel()
	bomb := testkit.Deflate(t, make([]byte, 16<<20), 9)
	for _, tt := range []struct {
		name    string
		payload []byte
		want    error
	}{
		{"a bomb", bomb, ErrTooBig},
		{"one byte more than the limit", testkit.Deflate(t, make([]byte, 1001), 9), ErrTooBig},
		{"the limit", testkit.Deflate(t, make([]byte, 1000), 9), nil},
		{"a reserved block type", unhex("06"), ErrCorrupt},
		{"a distance before the message", unhex("f2 00 11 00 00"), ErrCorrupt},
		{"an end in a block", testkit.Deflate(t, []byte("hello hello hello"), 9)[:6], ErrCorrupt},
		{"no bytes at all", nil, ErrCorrupt}, // the empty message has one
		{"streams without end", bytes.Repeat(unhex("03 00"), 1000), ErrCorrupt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := inflaters.New().(*Inflater) // without the buffers of another test
			got, err := i.Message(tt.payload, 1000)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %d bytes, %v; want %v", len(got), err, tt.want)
			}
			if cap(i.out) > 4<<10 {
				t.Errorf("got a buffer of %d bytes, want no more than the limit needs", cap(i.out))
			}
		})
	}
}

// A client may compress what does not shrink: with the limit of its compressed form, no honest message is refused.
func TestNoiseFitsTheLimitOfCompressedBytes(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 125, 1 << 10, 64 << 10, 1 << 20} {
		noise := make([]byte, size)
		for i := range noise {
			noise[i] = byte(rand.Uint32())
		}
		for level := -2; level <= 9; level++ {
			if n := len(testkit.Deflate(t, noise, level)); n > MaxCompressed(size) {
				t.Errorf("%d bytes at level %d are %d, over the limit of %d", size, level, n, MaxCompressed(size))
			}
		}
	}
}

func FuzzInflate(f *testing.F) {
	for _, s := range []string{"", "00", "f248cdc9c90700", "f348cdc9c9070000", "f2480500 0000ffff cac9c90700", "03000300"} {
		f.Add(unhex(s))
	}
	f.Add(testkit.Deflate(f, chatMessage(1, 400), 9))
	f.Fuzz(func(t *testing.T, payload []byte) {
		const limit = 4 << 10
		i := NewInflater()
		defer i.Release()
		got, err := i.Message(payload, limit)
		if len(got) > limit || cap(i.out) > keptBuffer {
			t.Fatalf("got %d bytes in a buffer of %d, want %d at most", len(got), cap(i.out), limit)
		}
		want, wantErr := oracle(payload, limit)
		if !errors.Is(err, wantErr) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%x: got %d bytes, %v; compress/flate says %d bytes, %v", payload, len(got), err, len(want), wantErr)
		}
	})
}

// oracle is Message by the standard library, and without its buffers.
func oracle(payload []byte, limit int) (out []byte, err error) {
	source := bytes.NewReader(append(bytes.Clone(payload), messageEnd...))
	for range maxStreams {
		part, err := io.ReadAll(io.LimitReader(flate.NewReaderDict(source, out), int64(limit+1-len(out))))
		out = append(out, part...)
		switch {
		case len(out) > limit:
			return nil, ErrTooBig
		case err != nil:
			return nil, ErrCorrupt
		case source.Len() <= len(messageEnd):
			return out, nil
		}
	}
	return nil, ErrCorrupt
}

func FuzzCompress(f *testing.F) {
	f.Add(chatMessage(1, 300))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c := NewCompressor()
		defer c.Release()
		if small, ok := c.Message(payload); ok && (len(small) >= len(payload) || !bytes.Equal(inflated(t, small), payload)) {
			t.Fatalf("%d bytes became %d, and others", len(payload), len(small))
		}
	})
}

func TestNothingIsAllocatedForAMessage(t *testing.T) {
	c, i := NewCompressor(), NewInflater()
	defer c.Release()
	defer i.Release()
	payload := chatMessage(1, 1000)
	small := testkit.Deflate(t, payload, 6)
	got := testing.AllocsPerRun(100, func() {
		if _, ok := c.Message(payload); !ok {
			t.Fatal("not compressed")
		}
		if _, err := i.Message(small, 64<<10); err != nil {
			t.Fatal(err)
		}
	})
	if got > 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func BenchmarkCompress(b *testing.B) {
	for _, size := range []int{350, 1000, 4000, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var messages [64][]byte
			for i := range messages {
				messages[i] = chatMessage(i, size)
			}
			before, after := 0, 0
			for i := range b.N {
				c := NewCompressor()
				m := messages[i%len(messages)]
				small, ok := c.Message(m)
				if !ok {
					b.Fatal("not compressed")
				}
				before, after = before+len(m), after+len(small)
				c.Release()
			}
			b.ReportMetric(float64(before)/float64(b.N), "B/message")
			b.ReportMetric(float64(after)/float64(before), "ratio")
		})
	}
}

// emptyBlocks returns n bytes of blocks without content whose Huffman tables are dynamic, each of 90 bits (RFC 1951, 3.2.7).
func emptyBlocks(n int) []byte {
	var bits []bool
	add := func(value, count int) { // the lowest bit first
		for i := range count {
			bits = append(bits, value>>i&1 == 1)
		}
	}
	for range 8 { // 90 bits are no whole bytes
		add(0, 1)  // BFINAL
		add(2, 2)  // dynamic
		add(0, 5)  // 257 lengths of literals
		add(0, 5)  // one length of a distance
		add(14, 4) // 18 lengths of code lengths, in an order of their own: that of 18 is third, that of 1 is the last
		for i := range 18 {
			if i == 2 || i == 17 {
				add(1, 3)
			} else {
				add(0, 3)
			}
		}
		add(1, 1) // 18: 138 zeros
		add(127, 7)
		add(1, 1) // 18: 118 zeros
		add(107, 7)
		add(0, 1) // 1: of the end of the block
		add(0, 1) // 1: of the distance
		add(0, 1) // the end of the block
	}
	group := make([]byte, len(bits)/8)
	for i, bit := range bits {
		if bit {
			group[i/8] |= 1 << (i % 8)
		}
	}
	blocks := bytes.Repeat(group, n/len(group))
	return append(blocks, 0) // the header of the empty block
}

func BenchmarkInflate(b *testing.B) {
	for _, tt := range []struct {
		name    string
		payload []byte
	}{
		{"350", testkit.Deflate(b, chatMessage(1, 350), 6)},
		{"1000", testkit.Deflate(b, chatMessage(1, 1000), 6)},
		{"zeros 64 KiB", testkit.Deflate(b, make([]byte, 64<<10), 9)},
		{"64 KiB of empty blocks", emptyBlocks(64 << 10)}, // each with tables of its own: the most expensive bytes
	} {
		b.Run(tt.name, func(b *testing.B) {
			i := NewInflater()
			defer i.Release()
			for range b.N {
				if _, err := i.Message(tt.payload, 16<<20); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(tt.payload)))
		})
	}
}
