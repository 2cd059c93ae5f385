package fanout

import (
	"bytes"
	"log/slog"
	"testing"
	"time"
)

// testHeartbeat is a heartbeat with connections that have no transport, and a time that the test moves.
type testHeartbeat struct {
	*Heartbeat
	engine *Engine
	now    time.Time
}

func newTestHeartbeat(t *testing.T, conns int) (*testHeartbeat, []*Conn) {
	t.Helper()
	e := newTestEngine(Config{})
	e.Heartbeat = NewHeartbeat(&e.Core, 25*time.Second, 10*time.Second)
	all := make([]*Conn, conns)
	for i := range all {
		client := &echoClient{}
		c := &client.conn
		c.Shard, c.ID, c.Handler = e.Shards[0], uint64(i+1), client
		c.seen.Store(uint32(e.Heartbeat.phase(c)))
		e.Heartbeat.File(c)
		all[i] = c
	}
	return &testHeartbeat{e.Heartbeat, e, e.Clock.Started}, all
}

// pings moves the time by d, and returns the connections that each tick pinged. With answer they answer at once.
func (h *testHeartbeat) pings(d time.Duration, answer bool) [][]*Conn {
	var ticks [][]*Conn
	for end := h.now.Add(d); h.now.Before(end); {
		h.now = h.now.Add(TickLength)
		h.Advance(h.now)
		shard := h.engine.Shards[0]
		var pinged []*Conn
		for _, j := range shard.Inbox {
			if j.Do == SendPing && &j.Frame[0] == &PingFrame[0] {
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

func hear(c *Conn) { c.seen.Store(uint32(c.Shard.Core.Clock.Tick())) }

func TestPingsAreSpreadOverTheInterval(t *testing.T) {
	h, _ := newTestHeartbeat(t, 10_000)
	total := 0
	ticks := int(InTicks(25 * time.Second))
	for i, pinged := range h.pings(25*time.Second, true) {
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
	h, conns := newTestHeartbeat(t, 1)
	hear(conns[0])
	for range 100 {
		for _, pinged := range h.pings(time.Second, true) {
			if len(pinged) > 0 {
				t.Fatal("got a ping, want none: it sends every second")
			}
		}
		hear(conns[0])
	}
}

func TestThePingTimeoutClosesWithinATick(t *testing.T) {
	h, conns := newTestHeartbeat(t, 1)
	c := conns[0]
	ours, theirs := tcpPair(t)
	defer theirs.Close()
	c.Transport = overTCP(t, ours)
	hear(c)
	silent := h.now
	for !c.Closing() {
		h.pings(TickLength, false)
		if h.now.Sub(silent) > time.Minute {
			t.Fatal("not closed within a minute")
		}
	}
	if got, want := h.now.Sub(silent), 35*time.Second; got < want || got > want+TickLength {
		t.Errorf("got a close after %v of silence, want %v within a tick", got, want)
	}
	if got := c.Reason(); got != ClosedPingTimeout {
		t.Errorf("got reason %v, want %v", got, ClosedPingTimeout)
	}
}

// After a suspension of the process all clients have been silent, and none is closed for it.
func TestASuspendedProcessClosesNoConnection(t *testing.T) {
	h, conns := newTestHeartbeat(t, 1000)
	h.pings(20*time.Second, true)
	for _, c := range conns {
		hear(c)
	}
	h.now = h.now.Add(10 * time.Minute)
	for _, pinged := range h.pings(10*time.Second, true) {
		if len(pinged) > 0 {
			t.Fatalf("got %d pings, want none: only 10 s have passed for us", len(pinged))
		}
	}
	for i, c := range conns {
		if c.Closing() {
			t.Fatalf("connection %d was closed for a suspension of the process", i)
		}
	}
}

// A slow consumer that makes progress has more time to answer a ping.
func TestAFullSocketDelaysThePong(t *testing.T) {
	h, conns := newTestHeartbeat(t, 1)
	c := conns[0]
	ours, theirs := tcpPair(t)
	defer theirs.Close()
	c.Transport = overTCP(t, ours)
	hear(c)
	for range 120 {
		c.Stalled.Store(uint32(h.engine.Clock.Tick())) // progress
		h.pings(time.Second, false)
		if c.Closing() {
			t.Fatalf("closed as %v while it took bytes", c.Reason())
		}
	}
	c.Stalled.Store(0)
	h.pings(11*time.Second, false)
	if got := c.Reason(); got != ClosedPingTimeout {
		t.Errorf("got %v, want %v: all was sent, and no pong came", got, ClosedPingTimeout)
	}
}

func TestALateStartIsNoSuspension(t *testing.T) {
	h, _ := newTestHeartbeat(t, 0)
	var logged bytes.Buffer
	h.core.Log = slog.New(slog.NewTextHandler(&logged, nil))
	first := h.core.Clock.Tick()
	late := h.now.Add(11 * time.Second)
	h.begin(late)
	h.Advance(late.Add(TickLength))
	if logged.Len() > 0 {
		t.Errorf("a heartbeat that began 11 s after its clock logged %s", logged.String())
	}
	if got := h.core.Clock.Tick(); got != first+1 {
		t.Errorf("got tick %d after one tick, want %d", got, first+1)
	}
}
