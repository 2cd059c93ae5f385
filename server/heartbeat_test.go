package server

import (
	"log/slog"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

func TestASilentClientIsPingedThenClosed(t *testing.T) {
	t.Parallel()
	// On a slow machine, the client may see the ping 2.5 of the 3 seconds late.
	s := startServer(t, func(c *Config) { c.PingInterval, c.PingTimeout = time.Second, 3*time.Second })
	c := dial(t, s, "lobby")
	c.expect(ws.OpPing, "")
	pinged := time.Now()
	if m, err := c.next(); err == nil {
		t.Fatalf("got %v %q, want the end of TCP", m.Op, m.Payload)
	}
	if took := time.Since(pinged); took < 500*time.Millisecond {
		t.Errorf("closed %v after the ping, want about three seconds", took)
	}
	eventually(t, "the close to be counted", func() bool { return closesBy(s, fanout.ClosedPingTimeout) == 1 })
}

func TestAClientThatSendsPongsStays(t *testing.T) {
	t.Parallel()
	// The timeout is long enough for a slow machine. Without a pong, there is no second ping.
	s := startServer(t, func(c *Config) { c.PingInterval, c.PingTimeout = time.Second, 2*time.Second })
	c := dial(t, s, "lobby")
	for range 4 {
		c.expect(ws.OpPing, "")
		c.send(ws.OpPong, "")
	}
	c.send(ws.OpText, "alive")
	c.expect(ws.OpText, "alive")
}

// A client that only receives still sends pongs, as every real client does.
func TestAClientThatOnlyReceivesStays(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.PingInterval, c.PingTimeout = time.Second, 2*time.Second })
	talker, listener := dial(t, s, "lobby"), dial(t, s, "lobby")
	for value(t, s, "throng_pings_total", "") < 4 { // to the listener: the second needs the pong of the first
		talker.send(ws.OpText, "still here")
		for _, c := range []*client{talker, listener} {
			c.expect(ws.OpText, "still here")
		}
		time.Sleep(20 * time.Millisecond) // the pace of the talker, which is never silent for a ping interval
	}
}

// crew is a hub whose heartbeat does not run. The test advances the time.
type crew struct {
	*fanout.Heartbeat
	sessions *session.Sessions
	now      time.Time
}

func newCrew(t *testing.T) *crew {
	t.Helper()
	cfg := DefaultConfig()
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1)
	h.Heartbeat = fanout.NewHeartbeat(&h.Core, cfg.PingInterval, cfg.PingTimeout, h.OnTick)
	return &crew{h.Heartbeat, h, h.Clock.Started}
}

// pass advances the time by d, tick by tick.
func (c *crew) pass(d time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(fanout.TickLength)
		c.Advance(c.now)
	}
}
