package server

import (
	"runtime/debug"
	"testing"
	"time"
)

// The tick of a server with 10,000 idle TLS connections allocates 1 MiB a second for pings: its garbage is a quarter of its heap. A server
// that allocates more has the GC percent of Go.
func TestTheGCPercentFollowsTheAllocationRate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		was       int
		allocated uint64
		tick      time.Duration
		want      int
	}{
		{100, 0, time.Second, 90},
		{90, 0, time.Second, 80},
		{30, 0, time.Second, minGCPercent},
		{minGCPercent, 1 << 20, time.Second, minGCPercent},
		{minGCPercent, 2 << 20, time.Second, 50},
		{minGCPercent, 2 << 20, 200 * time.Millisecond, maxGCPercent},
		{minGCPercent, 1 << 40, time.Second, maxGCPercent},
		{maxGCPercent, 1 << 40, 0, maxGCPercent},
		{maxGCPercent, 2 << 20, time.Second, 90},
	} {
		if got := gcPercent(c.was, c.allocated, c.tick); got != c.want {
			t.Errorf("%d %%, %d bytes in %v: got %d %%, want %d %%", c.was, c.allocated, c.tick, got, c.want)
		}
	}
}

// The GC percent is that of the whole process: at its end, a server sets it back.
func TestTheGCPercentIsRestored(t *testing.T) {
	const before = 77
	defer debug.SetGCPercent(debug.SetGCPercent(before))
	now := time.Now()
	p := newGCPace(now)
	for range maxGCPercent / percentStep {
		now = now.Add(time.Hour) // with hardly any allocations
		p.set(now)
	}
	if got := debug.SetGCPercent(minGCPercent); got != minGCPercent {
		t.Errorf("an idle process has %d %%, want %d %%", got, minGCPercent)
	}
	p.change(maxGCPercent)
	if p.lower(); p.percent != minGCPercent {
		t.Errorf("after a wave it has %d %%, want %d %%", p.percent, minGCPercent)
	}
	p.restore()
	if got := debug.SetGCPercent(before); got != before {
		t.Errorf("got %d %% afterwards, want %d %%", got, before)
	}
}

// Memory is released once after each wave of connections, not during it, and not for a few of them.
func TestMemoryIsReleasedAfterAWave(t *testing.T) {
	t.Parallel()
	var w wave
	for i, c := range []struct {
		live     int64
		released bool
		next     time.Duration
	}{
		{0, false, memoryTick},
		{300, false, waveTick},
		{600, false, waveTick},
		{602, true, memoryTick},
		{602, false, memoryTick},
		{900, false, waveTick},
		{900, false, memoryTick}, // 298 more
		{100_000, false, waveTick},
		{100_000, true, memoryTick},
		{96_000, false, waveTick},
		{96_000, false, memoryTick}, // less than a sixteenth
		{80_000, false, waveTick},
		{80_000, true, memoryTick},
		{0, false, waveTick},
		{0, true, memoryTick},
	} {
		if got := w.ended(c.live); got != c.released || w.tick() != c.next {
			t.Errorf("tick %d, %d connections: released %t, next tick after %v: want %t and %v", i, c.live, got, w.tick(), c.released, c.next)
		}
	}
}
