package server

import (
	"log/slog"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/plain"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

func TestASilentClientIsPingedThenClosed(t *testing.T) {
	t.Parallel()
	// Of the three seconds a slow machine may take 2.5 to show the ping.
	s := startServer(t, func(c *Config) { c.PingInterval, c.PingTimeout = time.Second, 3*time.Second })
	c := dial(t, s, "lobby")
	c.hear(ws.OpPing, "")
	pinged := time.Now()
	if m, err := c.next(); err == nil {
		t.Fatalf("got %v %q, want the end of TCP", m.Op, m.Payload)
	}
	if took := time.Since(pinged); took < 500*time.Millisecond {
		t.Errorf("dropped %v after the ping, want about three seconds", took)
	}
	eventually(t, "the drop to be counted", func() bool { return closesBy(s, fanout.ClosedPingTimeout) == 1 })
}

func TestAClientThatSendsPongsStays(t *testing.T) {
	t.Parallel()
	// A slow machine has the time to answer. Without a pong there is no second ping.
	s := startServer(t, func(c *Config) { c.PingInterval, c.PingTimeout = time.Second, 2*time.Second })
	c := dial(t, s, "lobby")
	for range 4 {
		c.hear(ws.OpPing, "")
		c.send(ws.OpPong, "")
	}
	c.send(ws.OpText, "alive")
	c.hear(ws.OpText, "alive")
}

// Whoever is not asked for its pongs by a test gives them all the same, as every real client does.
func TestAClientThatOnlyReceivesStays(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.PingInterval, c.PingTimeout = time.Second, 2*time.Second })
	talker, listener := dial(t, s, "lobby"), dial(t, s, "lobby")
	for value(t, s, "throng_pings_total", "") < 4 { // of the listener: the second is not sent without the first one's pong
		talker.send(ws.OpText, "still here")
		for _, c := range []*client{talker, listener} {
			c.hear(ws.OpText, "still here")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// crew is a heartbeat with connections that have no sockets, told the time by the test.
type crew struct {
	*fanout.Heartbeat
	hub *session.Sessions
	now time.Time
}

func newCrew(t *testing.T, conns int) (*crew, []*fanout.Conn) {
	t.Helper()
	cfg := DefaultConfig()
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1)
	h.Heartbeat = fanout.NewHeartbeat(&h.Core, cfg.PingInterval, cfg.PingTimeout, h.OnTick)
	all := make([]*fanout.Conn, conns)
	for i := range all {
		p := &plain.Client{}
		c := &p.Conn
		c.Shard, c.ID, c.Handler = h.Shards[0], uint64(i+1), p
		c.Seen.Store(uint32(h.Heartbeat.Phase(c)))
		h.Heartbeat.File(c)
		all[i] = c
	}
	return &crew{h.Heartbeat, h, h.Clock.Started}, all
}

// pings lets time pass, tick by tick, and returns whom each tick pinged. They answer at once, if they answer.
func (c *crew) pings(d time.Duration, answer bool) [][]*fanout.Conn {
	var ticks [][]*fanout.Conn
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(fanout.TickLength)
		c.Advance(c.now)
		shard := c.hub.Shards[0]
		var pinged []*fanout.Conn
		for _, j := range shard.Inbox {
			if j.Do == fanout.SendPing && &j.Frame[0] == &fanout.PingFrame[0] {
				pinged = append(pinged, j.Conn)
				if answer {
					hear(j.Conn)
				}
			}
		}
		shard.Inbox = nil
		ticks = append(ticks, pinged)
	}
	return ticks
}

func hear(c *fanout.Conn) { c.Seen.Store(uint32(c.Shard.Core.Clock.Tick())) }

func TestPingsAreSpreadOverTheInterval(t *testing.T) {
	crew, _ := newCrew(t, 10_000)
	total := 0
	ticks := int(fanout.InTicks(25 * time.Second))
	for i, pinged := range crew.pings(25*time.Second, true) {
		total += len(pinged)
		if len(pinged) > 2*10_000/ticks {
			t.Errorf("tick %d: got %d pings, want about %d", i, len(pinged), 10_000/ticks)
		}
	}
	if total < 9_900 || total > 10_000 {
		t.Errorf("got %d pings in one interval, want one a connection", total)
	}
}

func TestABusyClientIsNotPinged(t *testing.T) {
	crew, conns := newCrew(t, 1)
	hear(conns[0])
	for range 100 {
		for _, pinged := range crew.pings(time.Second, true) {
			if len(pinged) > 0 {
				t.Fatal("got a ping, want none: it talks every second")
			}
		}
		hear(conns[0])
	}
}

func TestThePingTimeoutClosesWithinATick(t *testing.T) {
	crew, conns := newCrew(t, 1)
	c := conns[0]
	ours, theirs := pipe(t)
	defer theirs.Close()
	c.Transport = netpoll.OverTCP(asNB(t, ours))
	hear(c)
	silent := crew.now
	for !c.Closing() {
		crew.pings(fanout.TickLength, false)
		if crew.now.Sub(silent) > time.Minute {
			t.Fatal("not dropped within a minute")
		}
	}
	if got, want := crew.now.Sub(silent), 35*time.Second; got < want || got > want+fanout.TickLength {
		t.Errorf("got a drop after %v of silence, want %v within a tick", got, want)
	}
	if got := c.Reason(); got != fanout.ClosedPingTimeout {
		t.Errorf("got reason %v, want %v", got, fanout.ClosedPingTimeout)
	}
}

// A process that was stopped finds all its clients silent. It was not they who were away.
func TestASuspendedProcessClosesNoConnection(t *testing.T) {
	crew, conns := newCrew(t, 1000)
	crew.pings(20*time.Second, true)
	for _, c := range conns {
		hear(c)
	}
	crew.now = crew.now.Add(10 * time.Minute)
	for _, pinged := range crew.pings(10*time.Second, true) {
		if len(pinged) > 0 {
			t.Fatalf("got %d pings, want none: only 10 s have passed for us", len(pinged))
		}
	}
	for i, c := range conns {
		if c.Closing() {
			t.Fatalf("connection %d was cut for our own absence", i)
		}
	}
}
