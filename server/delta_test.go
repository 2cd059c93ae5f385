package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

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
		s.sessions.Publish(s.sessions.RoomRef("x"), chat.Publication{Data: fmt.Appendf(nil, "%q", pair[n%2]), Form: chat.FormJSON}, chat.PublishOptions{})
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
