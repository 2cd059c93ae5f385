package bench

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// A server closes a reader that it cannot send to; what it wrote before that lies unread in front of its close.
func TestCutOfAReaderThatStoppedIsSeen(t *testing.T) {
	t.Parallel()
	cfg := testConfig(hostile(t, func(c net.Conn, key string) {
		if _, err := c.Write(ws.SwitchingProtocols(key, "")); err != nil {
			return
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
		message := ws.AppendFrame(nil, ws.OpBinary, make([]byte, 8<<10))
		for {
			if err := c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
				return
			}
			if _, err := c.Write(message); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) {
					_ = c.Close()
				}
				return
			}
			time.Sleep(100 * time.Microsecond)
		}
	}))
	cfg.Scenario, cfg.Connections, cfg.Publishers, cfg.Rate, cfg.Slow = Slow, 11, 1, 20, 0.5
	cfg.Duration = 4 * time.Second
	r := mustRun(t, cfg)
	if s := r.Slow; s.Stopped != 5 || s.Cut != 5 || r.Delivery.Closed != 0 {
		t.Errorf("got %d stopped, %d cut, %d closed, want 5, 5 and 0", s.Stopped, s.Cut, r.Delivery.Closed)
	}
}

// What those who were killed hear when they are back is in no figure of the others.
func TestKilledAreNotInTheLatencyOfTheUntouched(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, nil))
	cfg.Scenario, cfg.Publishers, cfg.Kill, cfg.Duration = Storm, 5, 0.5, 1500*time.Millisecond
	r := mustRun(t, cfg)
	if s := r.Storm; s.Killed == 0 || s.Back != s.Killed {
		t.Fatalf("got %+v, want all back", s)
	}
	if each, sent := r.Latency.Each, r.Latency.Sent; each.Count != sent.Count || sent.P50 == nil || *sent.P50 > *each.P50 {
		t.Errorf("got %d from the intended moment and %d from the send, want the same deliveries", each.Count, sent.Count)
	}
}
