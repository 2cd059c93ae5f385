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
		holdsUpTo    int // in every trial
		flukeUpTo    int // in short trials only
		clientUpTo   int // above, the client is the bottleneck; 0 for never
		s            Search
		holds, fails func(v float64) bool
		limited      bool
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
			name: "a rate that held by chance is not confirmed", holdsUpTo: 3000, flukeUpTo: 8000, s: Search{From: 100, To: 1_000_000},
			holds: func(v float64) bool { return v > 100 && v <= 3000 }, fails: func(v float64) bool { return v > 3000 && v < 8000 },
		},
		{
			name: "only by chance", holdsUpTo: 10, flukeUpTo: 8000, s: Search{From: 100, To: 1_000_000},
			holds: func(v float64) bool { return v == 0 }, fails: func(v float64) bool { return v == 100 },
		},
		{
			name: "single messages", holdsUpTo: 3, s: Search{From: 1, To: 100},
			holds: func(v float64) bool { return v == 3 }, fails: func(v float64) bool { return v == 4 },
		},
		{
			name: "the client is the bottleneck first", holdsUpTo: 41_800, clientUpTo: 30_000, s: Search{From: 100, To: 1_000_000},
			holds: func(v float64) bool { return v > 30_000/1.06 && v <= 30_000 },
			fails: func(v float64) bool { return v > 30_000 && v < 30_000*1.06 }, limited: true,
		},
		{
			name: "the server fails first", holdsUpTo: 41_800, clientUpTo: 44_000, s: Search{From: 100, To: 1_000_000},
			holds: func(v float64) bool { return v > 41_800/1.06 && v <= 41_800 },
			fails: func(v float64) bool { return v > 41_800 && v < 41_800*1.06 },
		},
		{
			name: "the client is always the bottleneck", holdsUpTo: 5000, clientUpTo: 1, s: Search{From: 100, To: 1000},
			holds: func(v float64) bool { return v == 0 }, fails: func(v float64) bool { return v == 100 }, limited: true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trials := 0
			found := &result.Found{}
			err := search(found, tt.s, func(rate int, longer time.Duration) (outcome, error) {
				if trials++; trials > 200 {
					t.Fatal("200 trials")
				}
				switch {
				case tt.clientUpTo > 0 && rate > tt.clientUpTo:
					return unmeasured, nil
				case rate <= tt.holdsUpTo || longer == 1 && rate <= tt.flukeUpTo:
					return passed, nil
				}
				return failed, nil
			})
			if err != nil || found.Limited != tt.limited || !tt.holds(found.Holds) || !tt.fails(found.Fails) {
				t.Errorf("got %+v, %v after %d trials", *found, err, trials)
			}
			if found.Holds > 0 && found.Confirmed != confirms {
				t.Errorf("got %d confirmations, want %d", found.Confirmed, confirms)
			}
		})
	}
}

// A short disturbance of the machine does not end a search, and a limit of the client does not count against the server.
func TestAClientLimitedTrialIsRepeated(t *testing.T) {
	for _, tt := range []struct {
		name   string
		codes  []string // verdicts of its runs; a dot marks runs that are too slow
		want   outcome
		trials int
	}{
		{"holds", []string{result.Valid}, passed, 1},
		{"too slow", []string{"." + result.Valid}, failed, 1},
		{"loses a message", []string{result.Broken}, failed, 1},
		{"the client is late once", []string{result.Limited, result.Valid}, passed, 2},
		{"the client is late, then the server is too slow", []string{result.Limited, "." + result.Valid}, failed, 2},
		{"the client is late twice", []string{result.Limited, result.Limited}, unmeasured, 2},
		{"not steady once", []string{result.Unsteady, result.Valid}, passed, 2},
		{"not steady twice", []string{result.Unsteady, result.Unsteady}, failed, 2},
		{"not steady, then the client is late", []string{result.Unsteady, result.Limited}, unmeasured, 2},
	} {
		trials := 0
		got, err := measured(func() (*result.Result, bool, error) {
			code, slow := strings.CutPrefix(tt.codes[trials], ".")
			trials++
			return &result.Result{Verdict: result.Verdict{Code: code}}, code == result.Valid && !slow, nil
		})
		if err != nil || got != tt.want || trials != tt.trials {
			t.Errorf("%s: got %d, %v after %d trials, want %d after %d", tt.name, got, err, trials, tt.want, tt.trials)
		}
	}
}

// A rate that is confirmed once of three times did not hold. It must be confirmed twice.
func TestTheSearchNeedsMostConfirmations(t *testing.T) {
	for confirmed, want := range []int{100, 100, 200, 200} {
		found, longs := &result.Found{}, 0
		err := search(found, Search{From: 100, To: 200}, func(rate int, longer time.Duration) (outcome, error) {
			if rate < 200 || longer == 1 {
				return passed, nil
			}
			if longs++; longs > confirmed {
				return failed, nil
			}
			return passed, nil
		})
		// Below 200 every rate holds, so the search ends close to 200.
		if err != nil || (want == 200) != (found.Holds == 200) || want == 100 && (found.Holds < 185 || found.Confirmed != confirms) {
			t.Errorf("confirmed %d times: got %+v, %v", confirmed, *found, err)
		}
	}
}

func TestTheSearchPassesOnlyWhatIsBelowTheLimit(t *testing.T) {
	const limit = 50 * time.Millisecond
	valid := func(d *result.Distribution) *result.Result {
		return &result.Result{Verdict: result.Verdict{Code: result.Valid}, Latency: result.Latency{Each: d}}
	}
	of := func(code string, why ...string) *result.Result {
		r := valid(lasting(1, 1))
		r.Verdict.Code, r.Verdict.Why = code, why
		return r
	}
	for _, tt := range []struct {
		name string
		r    *result.Result
		why  string // empty if the trial passes
	}{
		{"below", valid(lasting(1, limit-1)), ""},
		{"at the limit", valid(lasting(1, limit)), "p99 50.0 ms"},
		{"above", valid(lasting(1, limit+time.Millisecond)), "p99 51.0 ms"},
		{"nothing", valid(nil), "too few deliveries"},
		{"too few", valid(&result.Distribution{Count: 5}), "too few deliveries"},
		{"a loss", of(result.Broken, "1 lost", "more"), "1 lost"},
		{"a late client", of(result.Limited), result.Limited},
		{"not steady", of(result.Unsteady, "a stall"), "a stall"},
		{"a gap", of(result.Gaps), result.Gaps},
		{"no verdict", of(result.None), result.None},
	} {
		if pass, why := passes(tt.r, limit); pass != (tt.why == "") || !strings.HasPrefix(why, tt.why) {
			t.Errorf("%s: got %v, %q, want %q", tt.name, pass, why, tt.why)
		}
	}
}

func TestFloorLoadIsLimitedToOneCore(t *testing.T) {
	for _, tt := range []struct {
		name           string
		change         func(*Config)
		rate, scenario any
	}{
		{"a hot room", func(c *Config) { c.Connections, c.Rate = 500, 16_000 }, 160, Broadcast},
		{"a light load", func(c *Config) { c.Connections, c.Rate = 500, 100 }, 100, Broadcast},
		{"echo", func(c *Config) { c.Scenario, c.Connections, c.Rate = Echo, 500, 16_000 }, 16_000, Echo},
		{"a room for which one message is too much", func(c *Config) { c.Connections, c.Rate = 100_000, 5 }, 1, Broadcast},
		{"idle connections with pings", func(c *Config) { c.Scenario, c.Rate = Idle, 20 }, 0, Connect},
		{"a storm, without its kill", func(c *Config) { *c = DefaultConfig(Storm) }, 80, Broadcast},
		{"slow readers, which read here", func(c *Config) { *c = DefaultConfig(Slow) }, 80, Broadcast},
		{"a storm of few clients that resume", func(c *Config) {
			*c = DefaultConfig(Storm)
			c.Connections, c.Resume, c.Jitter = 50, true, time.Second
		}, 100, Broadcast},
		{"a chat with joins and leaves", func(c *Config) { *c = DefaultConfig(Chat) }, 100, Chat},
		{"only connections", func(c *Config) { c.Scenario, c.Rate = Connect, 0 }, 0, Connect},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultConfig(Broadcast)
			tt.change(&c)
			r := &run{cfg: &c, layout: layOut(&c)}
			got := r.floorConfig(&Child{URL: "ws://127.0.0.1/ws", PID: 1})
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

func TestAMissingFloorIsExplained(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, nil))
	cfg.Floor, cfg.Closed = true, 3
	if r := mustRun(t, cfg); r.Floor != nil || !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "no floor: the load of a closed loop") }) {
		t.Errorf("got %+v and the notes %q", r.Floor, r.Notes)
	}
}

func TestAMessageAfterTheEndIsNotClientLimited(t *testing.T) {
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
