package edge

import (
	"net/netip"
	"testing"
	"time"
)

func TestTheConnectRateOfAnAddress(t *testing.T) {
	p, err := ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	a := newConnectRate(200, p)
	came := func(from string, now time.Duration, n int) (let int) {
		for range n {
			if a.Allow(netip.MustParseAddr(from), now) {
				let++
			}
		}
		return let
	}
	for _, step := range []struct {
		from    string
		now     time.Duration
		n, want int
	}{
		{"198.51.100.7", 0, 5000, 2000}, // many clients of one address that reconnect at once
		{"203.0.113.1", 0, 100, 100},    // others
		{"198.51.100.7", time.Second, 5000, 200},
		{"198.51.100.7", 3 * time.Second, 5000, 400},
		{"127.0.0.1", 0, 20_000, 20_000},
		{"::1", 0, 20_000, 20_000},
		{"2001:db8::1", 0, 5000, 2000},
		{"2001:db8::2", 0, 100, 0},      // in the same /64
		{"10.1.2.3", 0, 20_000, 20_000}, // a proxy
	} {
		if got := came(step.from, step.now, step.n); got != step.want {
			t.Errorf("%s at %v: got %d of %d, want %d", step.from, step.now, got, step.n, step.want)
		}
	}
	a = newConnectRate(0, nil)
	if got := came("198.51.100.7", 0, 20_000); got != 20_000 {
		t.Errorf("without a limit: got %d", got)
	}
}
