package inflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

const limit = 1 << 20

// sender is a server's compressor of one connection, or of several that have the same context. It is that of the standard library.
type sender struct {
	out     bytes.Buffer
	writer  *flate.Writer
	context bool
}

func newSender(context bool) *sender {
	s := &sender{context: context}
	s.writer, _ = flate.NewWriter(&s.out, 5)
	return s
}

// payload returns the payload of a message.
func (s *sender) payload(text string) []byte {
	s.out.Reset()
	if !s.context {
		s.writer.Reset(&s.out)
	}
	io.WriteString(s.writer, text)
	s.writer.Flush()
	return bytes.TrimSuffix(bytes.Clone(s.out.Bytes()), []byte("\x00\x00\xff\xff"))
}

// chatter returns a text of a few words.
func chatter(random *rand.Rand) string {
	var b strings.Builder
	for range 1 + random.IntN(200) {
		fmt.Fprintf(&b, "word%d ", random.IntN(500))
	}
	return b.String()
}

func TestEachMessageAlone(t *testing.T) {
	t.Parallel()
	f, s, random := New(limit), newSender(false), rand.New(rand.NewPCG(1, 1))
	for i := range 300 {
		text := chatter(random)
		if i%50 == 0 {
			text = ""
		}
		payload := s.payload(text)
		for range 3 { // for three members
			if got, err := f.Alone(payload); string(got) != text || err != nil {
				t.Fatalf("message %d: got %d bytes, %v, want %d", i, len(got), err, len(text))
			}
		}
	}
	if f.Windows() != 0 {
		t.Errorf("got %d windows", f.Windows())
	}
}

// A message may refer to each of the last 32 KiB of text of its connection, and connections have different ones.
func TestContextTakeoverOfManyConnections(t *testing.T) {
	t.Parallel()
	const connections = 20
	f, random := New(limit), rand.New(rand.NewPCG(2, 2))
	var senders [connections]*sender
	var windows [connections]*Window
	for i := range senders {
		senders[i] = newSender(true)
	}
	for m := range 100 {
		text := chatter(random)
		for i, s := range senders {
			switch {
			case m == 40 && i%2 == 0: // it returns, with a new context
				f.Release(windows[i])
				windows[i], senders[i] = nil, newSender(true)
				s = senders[i]
			case random.IntN(10) == 0:
				text = chatter(random)
			}
			got, after, err := f.Following(s.payload(text), windows[i])
			if string(got) != text || err != nil {
				t.Fatalf("message %d of connection %d: got %d bytes, %v, want %d", m, i, len(got), err, len(text))
			}
			windows[i] = after
		}
	}
	if n := f.Windows(); n < connections || n > connections+2*recentMessages {
		t.Errorf("got %d windows, want one for each of %d connections, and those of the last messages", n, connections)
	}
	for _, w := range windows {
		f.Release(w)
	}
	if n := f.Windows(); n > 2*recentMessages {
		t.Errorf("got %d windows of closed connections", n)
	}
}

// The members of a room that a server compresses for once have one window, and need one inflation a message.
func TestMembersWithTheSameMessagesShareAWindow(t *testing.T) {
	t.Parallel()
	const members = 1000
	f, s, random := New(limit), newSender(true), rand.New(rand.NewPCG(3, 3))
	windows := make([]*Window, members)
	for range 50 {
		text := chatter(random)
		payload := s.payload(text)
		for i := range windows {
			got, after, err := f.Following(payload, windows[i])
			if string(got) != text || err != nil {
				t.Fatalf("got %d bytes, %v", len(got), err)
			}
			if windows[i] = after; after != windows[0] {
				t.Fatalf("member %d has a window of its own", i)
			}
		}
	}
	if n := f.Windows(); n > recentMessages+1 {
		t.Errorf("got %d windows", n)
	}
}

// Members that joined at different times share a window after 32 KiB of the same text, of messages that were compressed alone.
func TestWindowsBecomeOne(t *testing.T) {
	t.Parallel()
	f, s, random := New(limit), newSender(false), rand.New(rand.NewPCG(4, 4))
	var early, late *Window
	follow := func(w *Window, payload []byte, text string) *Window {
		got, after, err := f.Following(payload, w)
		if string(got) != text || err != nil {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
		return after
	}
	first := chatter(random)
	early = follow(early, s.payload(first), first)
	common := 0
	for common < WindowSize {
		if text := chatter(random); text != first {
			payload := s.payload(text)
			early, late = follow(early, payload, text), follow(late, payload, text)
			if common += len(text); common < WindowSize && early == late {
				t.Fatalf("after %d bytes in common, got one window", common)
			}
		}
	}
	if early != late {
		t.Error("got two windows with the same bytes")
	}
}

func TestBombsStopAtTheLimit(t *testing.T) {
	t.Parallel()
	f := New(limit)
	if _, err := f.Alone(newSender(false).payload(strings.Repeat("0", 64<<20))); !errors.Is(err, ErrTooBig) {
		t.Errorf("got %v", err)
	}
	if cap(f.out) > 2*limit {
		t.Errorf("got %d bytes of memory, want no more than the limit needs", cap(f.out))
	}
	exact := strings.Repeat("0", limit)
	for _, context := range []bool{false, true} {
		s := newSender(context)
		before := newSender(true).payload("before")
		_, w, err := f.Following(before, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := f.Following(s.payload(exact), w); string(got) != exact || err != nil {
			t.Errorf("a message of the limit: got %d bytes, %v", len(got), err)
		}
	}
}

func TestBadPayloadsAreErrors(t *testing.T) {
	t.Parallel()
	f := New(limit)
	good := newSender(false).payload("a message that is long enough to be cut")
	for name, payload := range map[string][]byte{
		"cut":                  good[:len(good)/2],
		"a reserved block":     {0x07},
		"a distance too long":  {0x4b, 0x4c, 0x04, 0x62, 0x00, 0x00, 0xff},
		"endless empty blocks": bytes.Repeat([]byte{0x03, 0x00}, 100),
	} {
		if got, err := f.Alone(payload); !errors.Is(err, ErrCorrupt) && name != "a distance too long" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	second := newSender(true)
	second.payload("the first message of a context")
	if got, err := f.Alone(second.payload("the first message of a context")); err == nil {
		t.Errorf("a reference to a message that did not come: got %q", got)
	}
}

// A sender may end each message with BFINAL, in several streams.
func TestFinalBlocks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for _, part := range []string{"one ", "two"} {
		w, err := flate.NewWriter(&out, 5)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, part)
		w.Close()
	}
	out.WriteByte(0)
	if got, err := New(limit).Alone(out.Bytes()); string(got) != "one two" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Whatever a server sends, the inflater agrees with that of the standard library, or refuses it.
func FuzzAlone(f *testing.F) {
	f.Add(newSender(false).payload("hello hello hello"))
	f.Add([]byte{0})
	f.Add([]byte{0x01, 0x00, 0x00, 0xff, 0xff, 0x00})
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := New(limit).Alone(payload)
		if err != nil {
			return
		}
		r := flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader(messageEnd)))
		want, err := io.ReadAll(r)
		if err != nil || !bytes.HasPrefix(got, want) {
			t.Errorf("got %q, want %q, %v", got, want, err)
		}
	})
}
