package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

func TestSearchNarrowsDownWhatHolds(t *testing.T) {
	for _, tt := range []struct {
		name         string
		holdsUpTo    int // by every trial
		flukeUpTo    int // by short trials only
		s            Search
		holds, fails func(v float64) bool
	}{
		{
			name: "in the middle", holdsUpTo: 41_800, s: Search{From: 100, To: 1_000_000},
			holds: func(v float64) bool { return v > 41_800/1.06 && v <= 41_800 },
			fails: func(v float64) bool { return v > 41_800 && v < 41_800*1.06 },
		},
		{
			name: "nothing holds", holdsUpTo: 50, s: Search{From: 100, To: 1000},
			holds: func(v float64) bool { return v == 0 }, fails: func(v float64) bool { return v == 100 },
		},
		{
			name: "all holds", holdsUpTo: 5000, s: Search{From: 100, To: 1000},
			holds: func(v float64) bool { return v == 1000 }, fails: func(v float64) bool { return v == 0 },
		},
		{
			name: "the first is the highest", holdsUpTo: 1000, s: Search{From: 1000, To: 1000},
			holds: func(v float64) bool { return v == 1000 }, fails: func(v float64) bool { return v == 0 },
		},
		{
			name: "what held by luck is not confirmed", holdsUpTo: 3000, flukeUpTo: 8000, s: Search{From: 100, To: 1_000_000},
			holds: func(v float64) bool { return v > 100 && v <= 3000 }, fails: func(v float64) bool { return v > 3000 && v < 8000 },
		},
		{
			name: "only luck", holdsUpTo: 10, flukeUpTo: 8000, s: Search{From: 100, To: 1_000_000},
			holds: func(v float64) bool { return v == 0 }, fails: func(v float64) bool { return v == 100 },
		},
		{
			name: "single messages", holdsUpTo: 3, s: Search{From: 1, To: 100},
			holds: func(v float64) bool { return v == 3 }, fails: func(v float64) bool { return v == 4 },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trials := 0
			found := &result.Found{}
			err := search(found, tt.s, func(rate int, longer time.Duration) (bool, error) {
				if trials++; trials > 200 {
					t.Fatal("200 trials")
				}
				return rate <= tt.holdsUpTo || longer == 1 && rate <= tt.flukeUpTo, nil
			})
			if err != nil || !tt.holds(found.Holds) || !tt.fails(found.Fails) {
				t.Errorf("got %+v, %v after %d trials", *found, err, trials)
			}
			if found.Holds > 0 && found.Confirmed != confirms {
				t.Errorf("got %d confirmations, want %d", found.Confirmed, confirms)
			}
		})
	}
}

func TestFloorIsNotAskedForMoreThanACoreCanSend(t *testing.T) {
	for _, tt := range []struct {
		name           string
		change         func(*Config)
		rate, scenario any
	}{
		{"a hot room", func(c *Config) { c.Connections, c.Rate = 500, 16_000 }, 160, Broadcast},
		{"a light load", func(c *Config) { c.Connections, c.Rate = 500, 100 }, 100, Broadcast},
		{"echo", func(c *Config) { c.Scenario, c.Connections, c.Rate = Echo, 500, 16_000 }, 16_000, Echo},
		{"a room that one message is too much for", func(c *Config) { c.Connections, c.Rate = 100_000, 5 }, 1, Broadcast},
		{"idle connections that are pinged", func(c *Config) { c.Scenario, c.Rate = Idle, 20 }, 0, Connect},
		{"connections alone", func(c *Config) { c.Scenario, c.Rate = Connect, 0 }, 0, Connect},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig(Broadcast)
			tt.change(&c)
			r := &run{cfg: &c, layout: layOut(&c)}
			got := r.floorConfig(&Child{URL: "ws://127.0.0.1/ws"})
			if got.Rate != tt.rate || got.Scenario != tt.scenario {
				t.Errorf("got %d a second of %s, want %d of %s", got.Rate, got.Scenario, tt.rate, tt.scenario)
			}
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
			r = &run{cfg: &got, layout: layOut(&got)}
			if p := r.plan(); (p.Rate > 0) != (p.Publishers > 0) {
				t.Errorf("got %d publishers for a rate of %d", p.Publishers, p.Rate)
			}
		})
	}
}

func TestWithoutAFloorTheResultSaysWhy(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, nil))
	cfg.Floor, cfg.Closed = true, 3
	if r := mustRun(t, cfg); r.Floor != nil || !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "no floor: the load of a closed loop") }) {
		t.Errorf("got %+v and the notes %q", r.Floor, r.Notes)
	}
}

func TestAMessageBehindTheEndIsNoLimitOfTheClient(t *testing.T) {
	for _, tt := range []struct {
		name              string
		offered, achieved float64
		limited           bool
	}{
		{"one of seventy", 10, 69. / 7, false},
		{"two percent of many", 1000, 980, true},
		{"half a percent of many", 1000, 995, false},
		{"half of few", 2, 1, true},
	} {
		r := &result.Result{Plan: result.Plan{Duration: 7 * time.Second}, Sent: result.Sent{Offered: tt.offered, Achieved: tt.achieved}}
		if got := len(limits(r)) > 0; got != tt.limited {
			t.Errorf("%s: limited %v, want %v", tt.name, got, tt.limited)
		}
	}
}
