package bench

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

// Two agents open connections at one rate together.
func TestARampOpensConnectionsAtItsRate(t *testing.T) {
	cfg := testConfig(startRoom(t, nil))
	cfg.Scenario, cfg.Rate, cfg.Connections, cfg.Agents, cfg.Ramp = Connect, 0, 201, 2, 400
	r := mustRun(t, cfg)
	c := &r.Connect
	if c.Opened != 201 || c.Took < 500*time.Millisecond || c.PerS > 402 {
		t.Errorf("got %d connections in %v, %.0f/s, want 201 in 500 ms or more", c.Opened, c.Took, c.PerS)
	}
	if c.Lag == nil || c.Lag.Count != 201 || r.Plan.Ramp != 400 {
		t.Errorf("got the dial delay %+v, ramp %v, want 201 delays and 400", c.Lag, r.Plan.Ramp)
	}
}

func TestWithoutARampThereIsNoDialDelay(t *testing.T) {
	cfg := testConfig(startRoom(t, nil))
	cfg.Scenario, cfg.Rate = Connect, 0
	if r := mustRun(t, cfg); r.Connect.Opened != cfg.Connections || r.Connect.Lag != nil || r.Plan.Ramp != 0 {
		t.Errorf("got %+v, ramp %v", r.Connect, r.Plan.Ramp)
	}
}

// A server that is slower than the ramp delays the connections behind it. Each counts from its scheduled time.
func TestTheConnectTimeOfARampCountsFromTheScheduledTime(t *testing.T) {
	const each = 25 * time.Millisecond
	cfg := testConfig(hostile(t, func(c net.Conn, key string) {
		time.Sleep(each) // the time that this server needs for a handshake
		if _, err := c.Write(ws.SwitchingProtocols(key, "", "")); err != nil {
			t.Logf("slow server: %v", err)
		}
	}))
	cfg.Scenario, cfg.Rate, cfg.Connections, cfg.Dials, cfg.Ramp = Connect, 0, 20, 1, 1000
	r := mustRun(t, cfg)
	// The last one is scheduled after 19 ms, and opens after 20 handshakes.
	c, least := &r.Connect, 20*each-19*time.Millisecond
	if c.Time.Max < least || c.Lag.Max < 19*each-19*time.Millisecond {
		t.Errorf("got %v, %v of it until the dial, want at least %v", c.Time.Max, c.Lag.Max, least)
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "ramp: the connections opened at ") }) {
		t.Errorf("got the notes %q, want one about the ramp", r.Notes)
	}
}

// A ramp of 1,000 connections at 1,000/s takes 1 s, so a shortfall of 5 % delays half of the dials by 25 ms.
func TestAMissedRampIsNoted(t *testing.T) {
	ms := func(median, longest time.Duration) *result.Distribution {
		median, longest = median*time.Millisecond, longest*time.Millisecond
		return &result.Distribution{Count: 1000, P50: &median, Max: longest}
	}
	for _, tt := range []struct {
		name   string
		ramp   int
		levels int
		lag    *result.Distribution
		missed bool
	}{
		{"no ramp", 0, 1, nil, false},
		{"in time", 1000, 1, ms(0, 1), false},
		{"a short stall", 1000, 1, ms(1, 500), false},
		{"short by less than 5 %", 1000, 1, ms(24, 50), false},
		{"short by 5 %", 1000, 1, ms(25, 50), true},
		{"short by less than 5 % in ten levels", 100, 10, ms(24, 50), false},
		{"short by 5 % in ten levels", 100, 10, ms(25, 50), true},
		{"a ramp of 1 ms", 1_000_000, 1, ms(9, 9), false},
		{"a ramp of 1 ms, missed", 1_000_000, 1, ms(11, 11), true},
		{"too few connections for a median", 1000, 1, &result.Distribution{Count: 5, Max: time.Second}, true},
		{"no connection", 1000, 1, nil, false},
	} {
		cfg := &Config{Connections: 1000, Ramp: tt.ramp, Dials: 128}
		if got := missedRamp(cfg, &result.Connect{PerS: 500, Lag: tt.lag}, tt.levels); (got != "") != tt.missed {
			t.Errorf("%s: got %q, want missed %v", tt.name, got, tt.missed)
		}
	}
}
