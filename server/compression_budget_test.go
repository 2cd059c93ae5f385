package server

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// When a flush has spent its time on compression, the rest is sent as it is.
func TestAFlushHasATimeLimitForCompression(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	members := []*client{}
	for range 2 * len(s.sessions.Shards) {
		members = append(members, dialDeflateRoom(t, s, "x"))
	}
	const messages = 60
	text := chatText(8 << 10)
	r := roomOf(s, "x")
	release := hold(s)
	for i := range messages {
		s.sessions.PublishPlain(r, ws.OpText, fmt.Appendf(nil, "%02d %s", i, text))
	}
	release()
	most := fanout.CompressionBudget / deflate.Cost(len(text))
	for _, c := range members {
		compressed := 0
		for i := range messages {
			m, err := c.nextExceptPings()
			if err != nil {
				t.Fatal(err)
			}
			got, was := c.inflate(m)
			if want := fmt.Sprintf("%02d %s", i, text); got != want {
				t.Fatalf("got %.40q, want %.40q", got, want)
			}
			if was {
				compressed++
			}
		}
		if compressed == 0 || compressed > most {
			t.Errorf("got %d compressed messages, want 1 to %d", compressed, most)
		}
	}
	if got := testutil.ToFloat64(s.metrics.CompressionBudgetSpent); got == 0 {
		t.Error("got no message counted that was not compressed for lack of time")
	}
}
