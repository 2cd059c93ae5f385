package bench

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// A server closes a connection that does not read. Unread bytes lie before its close. The test recognises by the other connections that a
// client has stopped reading, instead of by a time, in which a slow machine may have stopped all of them. It tries again before it closes:
// on a busy machine a deadline ends a write although the client has read, and only the next write finds the space.
func TestTheCloseOfAStoppedReaderIsNoticed(t *testing.T) {
	t.Parallel()
	var written atomic.Int64 // of messages to all
	cfg := testConfig(hostile(t, func(c net.Conn, key string) {
		if _, err := c.Write(ws.SwitchingProtocols(key, "", "")); err != nil {
			return
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
		message := ws.AppendFrame(nil, ws.OpBinary, make([]byte, 8<<10))
		for left := message; ; left = message {
			for began, tries := written.Load(), 0; len(left) > 0; {
				if err := c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
					return
				}
				n, err := c.Write(left)
				if left = left[n:]; n > 0 {
					began, tries = written.Load(), 0
				}
				switch {
				case err == nil:
				case !errors.Is(err, os.ErrDeadlineExceeded):
					return
				case tries < 20 || written.Load()-began <= 4000:
					tries++
				default:
					_ = c.Close()
					return
				}
			}
			written.Add(1)
			time.Sleep(100 * time.Microsecond) // the pace of the server
		}
	}))
	cfg.Scenario, cfg.Connections, cfg.Publishers, cfg.Rate, cfg.Slow = Slow, 11, 1, 20, 0.5
	cfg.Duration = 6 * time.Second
	r := mustRun(t, cfg)
	if s := r.Slow; s.Stopped != 5 || s.Cut != 5 || r.Delivery.Closed != 0 {
		t.Errorf("got %d stopped, %d of them closed, %d others closed, want 5, 5 and 0", s.Stopped, s.Cut, r.Delivery.Closed)
	}
}

// The latency of the other clients does not include connections that were killed and returned.
func TestTheLatencyOfTheOthersExcludesKilledConnections(t *testing.T) {
	t.Parallel()
	r := stormed(t, func() Config {
		cfg := testConfig(startRoom(t, nil))
		cfg.Scenario, cfg.Publishers, cfg.Kill, cfg.Duration, cfg.Rate = Storm, 5, 0.5, 2*time.Second, 100
		return cfg
	})
	if s := r.Storm; s.Killed == 0 || s.Back != s.Killed {
		t.Fatalf("got %+v, want all back", s)
	}
	if each, sent := r.Latency.Each, r.Latency.Sent; each.Count != sent.Count || sent.P50 == nil || *sent.P50 > *each.P50 {
		t.Errorf("got %d from the scheduled time and %d from the send, want equal numbers", each.Count, sent.Count)
	}
}
