package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/centrifugal/fdelta"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
)

// worstDeltas returns the pairs with the slowest deltas that are known.
func worstDeltas(size int) [][2][]byte {
	every := func(n int, other byte) []byte {
		b := bytes.Repeat([]byte("a"), size)
		for i := n; i < size; i += n {
			b[i] = other
		}
		return b
	}
	return [][2][]byte{
		{every(33, 'b'), every(20, 'c')}, {every(20, 'c'), every(33, 'b')}, {every(size, 'a'), every(20, 'c')},
		{bytes.Repeat([]byte("abcdefghijklmnop"), size/16), bytes.Repeat([]byte("abcdefghijklmnoq"), size/16)},
	}
}

// The benchmark shows that the estimated time of a delta bounds the real time, so the time of a flush for deltas is bounded.
func BenchmarkWorstDeltas(b *testing.B) {
	for _, size := range []int{256, 1 << 10, session.MaxSearch, 4 << 10, chat.MaxDelta} {
		for i, pair := range worstDeltas(size) {
			b.Run(fmt.Sprint(size, "/", i), func(b *testing.B) {
				for b.Loop() {
					session.DeltaOf(pair[0], pair[1])
				}
				b.ReportMetric(float64(session.DeltaCost(pair[0], pair[1])), "estimated-ns/op")
			})
		}
	}
}

func FuzzTrimmedDelta(f *testing.F) {
	f.Add([]byte("one two three"), []byte("one 2 three"))
	f.Add([]byte("aaaa"), []byte("aaaaaa"))
	f.Add([]byte("aaaaaa"), []byte("aaaa"))
	f.Add([]byte("ä ö"), []byte("ä ü"))
	f.Add([]byte("\u00e4"), []byte("\u00a4")) // the last byte is the same
	f.Add([]byte(""), []byte("new"))
	f.Add([]byte("old"), []byte(""))
	f.Add(bytes.Repeat([]byte("0123456789"), 1000), append(bytes.Repeat([]byte("0123456789"), 900), "end"...))
	f.Fuzz(func(t *testing.T, was, content []byte) {
		d := session.TrimmedDelta(was, content)
		got, err := fdelta.Apply(was, d)
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("got %q, %v of the delta %q; want %q", got, err, d, content)
		}
		if utf8.Valid(was) && utf8.Valid(content) && !utf8.Valid(d) {
			t.Fatalf("the delta %q splits a character", d)
		}
	})
}

// A small change of a long publication is sent as a delta and needs no search.
func TestAChangeOfALongPublicationIsADelta(t *testing.T) {
	was := chat.Publication{Data: []byte(`"` + strings.Repeat("a long text ", 1000) + `"`), Form: chat.FormJSON}
	now := chat.Publication{Data: bytes.Replace(was.Data, []byte("long"), []byte("short"), 1), Form: chat.FormJSON}
	budget := fanout.DeltaBudget
	got := session.DeltaPublication(&now, &was, session.ProtobufDeltaEncoding, &budget)
	if !got.Delta || len(got.Data) > 100 {
		t.Errorf("got %d bytes, delta %v; want a short delta", len(got.Data), got.Delta)
	}
	if spent := fanout.DeltaBudget - budget; spent > 5*len(now.Data) {
		t.Errorf("got %d ns spent on %d bytes", spent, len(now.Data))
	}
}

// When a flush has used its time for deltas, it sends further publications in full.
func TestAFlushHasATimeLimitForDeltas(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.Delta = true
	s := startServer(t, func(c *Config) { c.Rooms = []chat.RoomOptions{o} })
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"x","delta":"fossil"}}`)
	c.line()
	pair := worstDeltas(session.MaxSearch - 2)[0]
	say := func(n int) {
		s.hub.Publish(s.hub.RoomRef("x"), chat.Publication{Data: fmt.Appendf(nil, "%q", pair[n%2]), Form: chat.FormJSON}, chat.PublishOptions{})
	}
	deltas := func(n int) (got int) {
		for range n {
			if strings.Contains(c.line(), `"delta":true`) {
				got++
			}
		}
		return got
	}
	say(0)
	deltas(1)
	const messages = 40
	release := hold(s)
	for n := range messages {
		say(n + 1)
	}
	release()
	most := fanout.DeltaBudget / session.DeltaCost(pair[0], pair[1])
	if got := deltas(messages); got == 0 || got > most {
		t.Errorf("got %d deltas in a flush, want 1 to %d", got, most)
	}
	awaitFlushCounts(s)
	if got := value(t, s, "throng_delta_budget_total", ""); got < 1 {
		t.Errorf("got %v flushes counted that used up their time, want 1 or more", got)
	}
	say(messages + 1)
	if deltas(1) != 1 {
		t.Error("got no delta in the next flush")
	}
}
