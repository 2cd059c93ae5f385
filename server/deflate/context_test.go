package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// takeover is a client with context takeover, by the standard library. Its window is 2^bits bytes less a message of n bytes, so that no
// distance that it accepts is over 2^bits.
type takeover struct {
	window []byte
	size   int
}

func newTakeover(w Window) *takeover { return &takeover{size: 1 << w.Alone()} }

func (c *takeover) inflate(payload []byte, n int) ([]byte, error) {
	window := c.window[min(max(0, len(c.window)-c.size+n), len(c.window)):]
	out, err := io.ReadAll(flate.NewReaderDict(io.MultiReader(bytes.NewReader(payload), strings.NewReader(messageEnd)), window))
	c.window = append(c.window, out...)
	c.window = c.window[max(0, len(c.window)-c.size):]
	return out, err
}

func TestAMessageInContextNeedsFewBytes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size, epoch int
	}{{350, 16}, {1000, 16}, {350, 400}, {1000, 400}} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			t.Parallel()
			c := NewCompressor()
			defer c.Release()
			x, client := NewContext(maxWindow), newTakeover(maxWindow)
			before, after := 0, 0
			for i := range 400 {
				if i%tt.epoch == 0 {
					x.Clear()
				}
				payload := chatMessage(i, tt.size)
				small, ok := c.InContext(payload, x)
				if x.Empty() {
					small, ok = c.Message(payload)
				}
				if !ok {
					t.Fatalf("message %d is not compressed", i)
				}
				x.Add(payload)
				if got, err := client.inflate(small, len(payload)); err != nil || !bytes.Equal(got, payload) {
					t.Fatalf("message %d: got %.40q, %v; want %.40q", i, got, err, payload)
				}
				before, after = before+len(payload), after+len(small)
			}
			if ratio := float64(after) / float64(before); ratio > 0.45 {
				t.Errorf("got %.3f of the bytes, want 0.45 at most", ratio)
			} else {
				t.Logf("%.3f of the bytes", ratio)
			}
		})
	}
}

// No distance exceeds the window of the client, whatever the sizes are.
func TestAContextIsWithinTheWindow(t *testing.T) {
	t.Parallel()
	for w := contextWindow; w <= maxWindow; w++ {
		c := NewCompressor()
		defer c.Release()
		x, client := NewContext(w|contextTakeover), newTakeover(w)
		// A text that occurs again at each distance, as long as a message may be.
		far := chatMessage(1, 200)
		sent := 0
		for i := range 400 {
			payload := make([]byte, MinMessage+rand.IntN(min(maxInContext, x.size)-MinMessage+1))
			for i := range payload {
				payload[i] = byte(rand.Uint32())
			}
			if i%2 == 0 {
				payload = payload[:0]
				for len(payload) < min(maxInContext, x.size)-len(far)-200 {
					payload = append(payload, chatMessage(rand.IntN(8), 200)...)
				}
			}
			payload = append(payload[:min(len(payload), min(maxInContext, x.size)-len(far))], far...)
			small, ok := c.InContext(payload, x)
			if !ok {
				continue
			}
			sent++
			x.Add(payload)
			if got, err := client.inflate(small, len(payload)); err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("window %d, message %d of %d bytes: got %d bytes, %v", w, i, len(payload), len(got), err)
			}
		}
		if sent < 200 {
			t.Errorf("window %d: got %d messages compressed, want most", w, sent)
		}
	}
}

func TestWhatDoesNotFitIntoAContext(t *testing.T) {
	t.Parallel()
	c := NewCompressor()
	defer c.Release()
	x := NewContext(maxWindow)
	x.Add(chatMessage(1, 400))
	for _, tt := range []struct {
		n    int
		want bool
	}{{0, false}, {MinMessage - 1, false}, {MinMessage, true}, {maxInContext, true}, {maxInContext + 1, false}} {
		if _, ok := c.InContext(bytes.Repeat([]byte("a"), tt.n), x); ok != tt.want {
			t.Errorf("%d bytes: got %v, want %v", tt.n, ok, tt.want)
		}
	}
}

// A Context holds as much as the window of the clients allows, and has the end of what was added.
func TestAContextHasTheEnd(t *testing.T) {
	t.Parallel()
	for _, w := range []Window{contextWindow, 12, maxWindow} {
		x := NewContext(w)
		var all []byte
		for i := range 300 {
			part := chatMessage(i, 1+rand.IntN(3000))
			if i == 200 {
				part = bytes.Repeat(part, 40)
			}
			x.Add(part)
			all = append(all, part...)
			if want := all[max(0, len(all)-x.size):]; !bytes.Equal(x.window, want) {
				t.Fatalf("window %d, message %d: got %d bytes, want the last %d", w, i, len(x.window), len(want))
			}
		}
		if cap(x.window) > contextSize {
			t.Errorf("got a buffer of %d bytes, want %d at most", cap(x.window), contextSize)
		}
	}
}

// The operations of a group, in any order: messages with the context, by themselves, and as they are; clients that come.
func FuzzContext(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x10\x11\x12\x13\x14\x15"), uint8(15), uint64(1))
	f.Add(bytes.Repeat([]byte("\x00\x00\x05\x00\x07\x00"), 30), uint8(12), uint64(2))
	f.Fuzz(func(t *testing.T, steps []byte, bits uint8, seed uint64) {
		w := contextWindow + Window(bits)%(maxWindow-contextWindow+1)
		c := NewCompressor()
		defer c.Release()
		r := rand.New(rand.NewPCG(seed, 0))
		x := NewContext(w)
		group, newcomers := []*takeover{newTakeover(w)}, []*takeover{}
		for i, step := range steps[:min(len(steps), 300)] {
			payload := chatMessage(r.IntN(20), r.IntN(6000))
			alone, ok := c.Message(payload)
			alone = bytes.Clone(alone)
			if !ok || !w.Holds(len(payload)) {
				continue
			}
			var small []byte
			switch step % 8 {
			case 0: // the next epoch
				group, newcomers = append(group, newcomers...), nil
				x.Clear()
				small = alone
			case 1:
				newcomers = append(newcomers, newTakeover(w))
				continue
			case 2: // as it is
				continue
			default:
				if small, ok = c.InContext(payload, x); !ok {
					small = alone
				}
			}
			x.Add(payload)
			for _, member := range group {
				if got, err := member.inflate(small, len(payload)); err != nil || !bytes.Equal(got, payload) {
					t.Fatalf("step %d: a member gets %d bytes, %v; want %d", i, len(got), err, len(payload))
				}
			}
			for _, member := range newcomers {
				if got, err := member.inflate(alone, len(payload)); err != nil || !bytes.Equal(got, payload) {
					t.Fatalf("step %d: a newcomer gets %d bytes, %v; want %d", i, len(got), err, len(payload))
				}
			}
		}
	})
}

func BenchmarkInContext(b *testing.B) {
	for _, size := range []int{350, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var messages [400][]byte
			for i := range messages {
				messages[i] = chatMessage(i, size)
			}
			x := NewContext(maxWindow)
			before, after := 0, 0
			b.ReportAllocs()
			for i := range b.N {
				c := NewCompressor()
				m := messages[i%len(messages)]
				small, ok := c.InContext(m, x)
				if !ok {
					b.Fatal("not compressed")
				}
				x.Add(m)
				before, after = before+len(m), after+len(small)
				c.Release()
			}
			b.ReportMetric(float64(after)/float64(before), "ratio")
		})
	}
}
